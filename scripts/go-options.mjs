// How Go builds what the project runs. Uses nothing but Node.js: `make demo` reads it before packages are there.

/**
 * The environment of every Go command.
 *
 * @param {string} [toolchain] a Go other than the installed one
 * @returns {NodeJS.ProcessEnv}
 */
export function goEnvironment(toolchain) {
  return {
    ...process.env,
    ...(toolchain === undefined ? {} : { GOTOOLCHAIN: toolchain }),
    CGO_ENABLED: '0',
    // Compilers live for seconds: collecting their garbage only when a process nears 1 GiB is a fifth less work.
    GOGC: process.env.GOGC ?? 'off',
    GOMEMLIMIT: process.env.GOMEMLIMIT ?? '1GiB',
    GOWORK: 'off',
    GOFLAGS: `${process.env.GOFLAGS ?? ''} -mod=readonly`.trim(),
  };
}

/**
 * How every package is compiled; with other options Go would compile it again. The linker drops debugging data (-s -w), so
 * the compiler need not make any: a fifth less work. What Kubernetes adds to its libraries is not inlined, which is another
 * twentieth; in the libraries and in Go's own packages that would cost more, whenever they run, than it saves.
 */
export const compileOptions = [
  '-trimpath',
  '-buildvcs=false',
  '-gcflags=all=-dwarf=false',
  '-gcflags=k8s.io/kubernetes/...=-dwarf=false -l',
];
