import { GROUP, VERSION } from '../../api/names.ts';
import { EXIT_OK, type Command } from '../command.ts';
import { TEXT_OR_JSON_FLAG } from '../facts/flags.ts';
import { PRODUCT_VERSION } from './product.ts';

const POLICY_API_VERSION = `${GROUP}/${VERSION}`;

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the version.',
  description:
    'Prints the version of the program, the versions of Node.js that it runs on and of its time zone data, and the version of the policies that it understands.',
  flags: [TEXT_OR_JSON_FLAG],
  exitCodes: [{ code: 0, meaning: 'always' }],
  run({ flags, io }) {
    const version = {
      version: PRODUCT_VERSION,
      node: process.version,
      zoneData: process.versions.tz,
      api: POLICY_API_VERSION,
    };
    io.stdout.write(
      flags.string('output') === 'json'
        ? `${JSON.stringify(version, null, 2)}\n`
        : `sidecar-drain ${version.version} (Node.js ${version.node}, zone data ${version.zoneData ?? 'unknown'}, policies ${version.api})\n`,
    );
    return Promise.resolve(EXIT_OK);
  },
};
