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
 * Packages in which a request spends next to nothing: what Kubernetes adds to its libraries, clients and informers that are
 * generated for every kind, start-up, metrics and traces, and the client of etcd, which waits for etcd.
 */
const notInlined = [
  'k8s.io/kubernetes',
  'k8s.io/client-go/applyconfigurations',
  'k8s.io/client-go/informers',
  'k8s.io/client-go/kubernetes',
  'k8s.io/client-go/listers',
  'k8s.io/apiextensions-apiserver',
  'k8s.io/cloud-provider',
  'k8s.io/component-base',
  'k8s.io/controller-manager',
  'k8s.io/dynamic-resource-allocation',
  'k8s.io/kube-aggregator',
  'k8s.io/metrics',
  'k8s.io/pod-security-admission',
  'github.com/grpc-ecosystem',
  'github.com/prometheus/procfs',
  'go.etcd.io/etcd/client',
  'go.opentelemetry.io',
];

/**
 * How every package is compiled; with other options Go would compile it again. The linker drops debugging data (-s -w), so
 * the compiler need not make any: a fifth less work. Some packages are not inlined, which is another tenth; in the
 * others and in Go's own that would cost more, whenever they run, than it saves.
 */
export const compileOptions = [
  '-trimpath',
  '-buildvcs=false',
  '-gcflags=all=-dwarf=false',
  ...notInlined.map((path) => `-gcflags=${path}/...=-dwarf=false -l`),
];
