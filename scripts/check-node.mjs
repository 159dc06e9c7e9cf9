// Says in one line what is missing, before npm and the compiler say it in fifty. Kept to old syntax on purpose: it has
// to run on the Node.js that is too old.
import { readFileSync } from 'node:fs';

const needed = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).engines.node.replace(
  '>=',
  '',
);
const [needMajor = 0, needMinor = 0] = needed.split('.').map(Number);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < needMajor || (major === needMajor && minor < needMinor)) {
  console.error(
    `Node.js ${needed} or newer is needed, this is ${process.versions.node} (${process.execPath}): install one from https://nodejs.org/`,
  );
  process.exit(1);
}
