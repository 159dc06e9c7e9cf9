/**
 * The programs of Istio's proxy image with a shell, at release 1.30.3. Its base (istio/istio docker/Dockerfile.base) is ubuntu:noble with
 * ca-certificates, curl, iptables, nftables, iproute2, iputils-ping, knot-dnsutils, netcat-openbsd, tcpdump, conntrack,
 * bsdmainutils, net-tools, lsof and sudo, installed without recommended packages; pilot-agent and envoy lie in
 * /usr/local/bin (pilot/docker/Dockerfile.proxyv2). So there is no wget, no python, no jq, no bc, no busybox and no
 * gawk, and a name that stands in none of these lists is not found (status 127).
 */

/** Present, done within a moment, but what they print and whether they succeed is not modelled. */
export const QUICK_TOOLS: ReadonlySet<string> = new Set([
  // coreutils
  'arch',
  'b2sum',
  'base32',
  'base64',
  'chgrp',
  'chmod',
  'chown',
  'cksum',
  'comm',
  'cp',
  'csplit',
  'df',
  'dir',
  'dircolors',
  'expand',
  'factor',
  'fmt',
  'fold',
  'groups',
  'hostid',
  'id',
  'install',
  'join',
  'link',
  'ln',
  'logname',
  'ls',
  'md5sum',
  'mkdir',
  'mkfifo',
  'mknod',
  'mktemp',
  'mv',
  'nl',
  'nproc',
  'numfmt',
  'od',
  'paste',
  'pathchk',
  'pinky',
  'pr',
  'printenv',
  'ptx',
  'pwd',
  'readlink',
  'realpath',
  'rm',
  'rmdir',
  'sha1sum',
  'sha256sum',
  'sha512sum',
  'shuf',
  'split',
  'stat',
  'stty',
  'sum',
  'tac',
  'touch',
  'truncate',
  'tsort',
  'tty',
  'uname',
  'unexpand',
  'unlink',
  'users',
  'vdir',
  'who',
  'whoami',
  // findutils, hostname, procps, util-linux, diffutils, tar, gzip
  'hostname',
  'ps',
  'free',
  'uptime',
  'pmap',
  'sysctl',
  'w',
  'mount',
  'umount',
  'lscpu',
  'lsns',
  'dmesg',
  'getopt',
  'more',
  'rev',
  'logger',
  'renice',
  'taskset',
  'diff',
  'cmp',
  'debianutils',
  'run-parts',
  'savelog',
  // bsdmainutils, lsof, net-tools, iproute2, iptables, nftables, conntrack
  'column',
  'hexdump',
  'hd',
  'cal',
  'look',
  'lsof',
  'ifconfig',
  'route',
  'arp',
  'ip',
  'bridge',
  'tc',
  'nstat',
  'rtacct',
  'lnstat',
  'iptables',
  'ip6tables',
  'iptables-save',
  'ip6tables-save',
  'nft',
  'conntrack',
]);

/** Present, and how long they take or what they start is not modelled. */
export const SLOW_TOOLS: ReadonlySet<string> = new Set([
  // as long as there are data
  'dd',
  'du',
  'find',
  'gunzip',
  'gzip',
  'shred',
  'sync',
  'tar',
  'zcat',
  'tcpdump',
  'ping',
  'ping6',
  'kdig',
  'khost',
  'knsupdate',
  'watch',
  'top',
  'perl',
  'openssl',
  'sudo',
  'nohup',
  'setsid',
  'chroot',
  'script',
  'flock',
  'stdbuf',
  'yes',
  'vmstat',
  'su',
  'runuser',
  'login',
  'apt',
  'apt-get',
  'dpkg',
  'nc',
  'netcat',
  'tail',
]);

/** What does the same with what the image has. */
const INSTEAD: Readonly<Record<string, string>> = {
  wget: 'curl -s --max-time 5 URL',
  gawk: 'awk',
  ash: '/bin/sh',
  busybox: '/bin/sh and the programs of coreutils',
  killall: 'pkill -x NAME',
  usleep: 'sleep 0.5',
  python: '/bin/sh with awk',
  python3: '/bin/sh with awk',
  jq: 'awk or sed',
  bc: '$((...)) of the shell',
};

/** `runs wget, which Istio's proxy image does not have (instead of wget: curl -s --max-time 5 URL)`; '' for none. */
export function missingWords(names: readonly string[]): string {
  if (names.length === 0) {
    return '';
  }
  const instead = names.flatMap((name) => {
    const form = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
    return form === undefined ? [] : [`instead of ${name}: ${form}`];
  });
  const forms = instead.length === 0 ? '' : ` (${instead.join('; ')})`;
  return `runs ${names.join(', ')}, which Istio's proxy image does not have${forms}`;
}

/** Lie in sbin directories; a full path with `bin` does not find them. */
const PROXY_DIRECTORY = '/usr/local/bin/';
const SYSTEM_DIRECTORIES = ['/bin/', '/usr/bin/', '/sbin/', '/usr/sbin/'];

/** The bare name of a program that is given by a path of the image; `undefined` for other paths. */
export function bareName(path: string): string | undefined {
  if (!path.includes('/')) {
    return path;
  }
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (path === `${PROXY_DIRECTORY}pilot-agent` || path === `${PROXY_DIRECTORY}envoy`) {
    return name;
  }
  if (name === 'pilot-agent' || name === 'envoy') {
    return undefined;
  }
  return SYSTEM_DIRECTORIES.some((directory) => path === directory + name) ? name : undefined;
}

/** Where images have their programs. */
const PROGRAM_FOLDER = /^(\/usr\/local|\/usr|\/busybox)?\/s?bin\/$|^\/busybox\/$/;

/** They are put anywhere, under names that nothing else has. */
const LIES_ANYWHERE =
  /^(nginx|httpd|apache2|apachectl|apache2ctl|node|ruby|php|perl|python[\d.]*|bash|dash|curl|wget|tini|dumb-init|gosu|su-exec|busybox)$/;

/** Whether a path in an application's image is the program that its last part names: `/app/stop/kill` may be anything. */
export function isWhatItIsCalled(path: string): boolean {
  const end = path.lastIndexOf('/') + 1;
  return end === 0 || PROGRAM_FOLDER.test(path.slice(0, end)) || LIES_ANYWHERE.test(path.slice(end));
}

/** In every image that has a shell. */
const BASE = new Set(
  'sh sleep echo printf test [ cat kill true false date ls grep sed awk head tail wc cut tr sort seq expr touch rm mkdir env timeout id hostname ps basename dirname uniq tee xargs mv cp chmod ln pwd'.split(
    ' ',
  ),
);

export function isInEveryImage(name: string): boolean {
  return BASE.has(name);
}

/** As long as there are data, among programs that are done in a moment otherwise. */
export function takesAsLongAsData([path = '', ...words]: readonly string[]): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (/^((b2|ck|md5|sha\d+)?sum|split)$/.test(name)) {
    return true;
  }
  return (
    /^(cp|chown|chmod|chgrp|diff)$/.test(name) &&
    words.some((word) => /^-[a-zA-Z]*[rRa]|^--(recursive|archive)$/.test(word))
  );
}
