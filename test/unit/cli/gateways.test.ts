import { afterAll, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cli, folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

const POLICY = `apiVersion: sidecardrain.io/v1alpha1
kind: SidecarDrainPolicy
metadata: {name: quays}
spec:
  enforcement: Enforce
  match: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: port}}, proxies: [Gateway]}
  drain: DRAIN
`;
const ADAPTIVE = POLICY.replace('DRAIN', '{mode: Adaptive, maxWait: 40s, endpointDelay: 30s}');
const FIXED = POLICY.replace('DRAIN', '{mode: Fixed, duration: 40s, endpointDelay: 30s}');
const gateway = (name: string, className: string, more = ''): string => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: port}
spec:
  gatewayClassName: ${className}
${more}`;
const NAMES = '  infrastructure: {parametersRef: {group: "", kind: ConfigMap, name: pier}}\n';
const PIER = `apiVersion: v1
kind: ConfigMap
metadata: {name: pier, namespace: port}
data:
  deployment: |
    # kept
    spec:
      replicas: 2
`;
const ISTIO = ['--istio-version', '1.31.0'];

describe('gateways and waypoints of Gateway API in files', () => {
  it('are judged like what istiod makes from them', async () => {
    const folder = folderWith({ 'a.yaml': [gateway('quay', 'istio'), gateway('way', 'istio-waypoint')].join('---\n') });
    const { out, code } = await cli(['lint', folder, ...ISTIO]);
    expect(code).toBe(1);
    expect(out).toContain('Deployment port/quay-istio');
    expect(out).toContain('Deployment port/way');
    expect(out.match(/error DrainTooShort/g)).toHaveLength(2);
    const explained = await cli(['explain', 'deployment/way', '-n', 'port', '-f', folder, ...ISTIO]);
    expect(explained.out).toContain('istiod makes it from Gateway way');
  });

  it('know EXIT_ON_ZERO on an ambient mesh before 1.31', async () => {
    const env = `    spec: {template: {spec: {terminationGracePeriodSeconds: 90, containers: [{name: istio-proxy, env: [{name: EXIT_ON_ZERO_ACTIVE_CONNECTIONS, value: "true"}]}]}}}\n`;
    const text = [gateway('way', 'istio-waypoint', NAMES), PIER.replace(/ {4}# kept[^]*/, env)].join('---\n');
    const folder = folderWith({ 'a.yaml': text });
    const old = await cli(['lint', folder, '--istio-version', '1.30.2']);
    const mended = await cli(['lint', folder, '--istio-version', '1.30.3']);
    expect(old.out).toContain('ExitOnZeroNeverFires');
    expect(mended.out).not.toContain('ExitOnZeroNeverFires');
  });

  it.each([
    ['Adaptive', ADAPTIVE, 'MINIMUM_DRAIN_DURATION'],
    ['Fixed', FIXED, 'terminationDrainDuration: 1m10s'],
  ])('%s: plan names the overlay, render writes it, and the result is compliant', async (_, text, written) => {
    const folder = folderWith({
      'in/a.yaml': [gateway('quay', 'istio', NAMES), PIER, gateway('way', 'istio-waypoint')].join('---\n'),
      'policy.yaml': text,
    });
    const policy = join(folder, 'policy.yaml');
    const planned = await cli(['plan', '-f', folder, ...ISTIO]);
    expect(planned.out).toMatch(
      /whose overlay \(spec\.infrastructure\.parametersRef\) needs .*terminationGracePeriodSeconds: 75/,
    );
    const rendered = await cli(['render', join(folder, 'in'), '-p', policy, ...ISTIO]);
    expect(rendered.out).toContain(written);
    expect(rendered.out).toContain('# kept');
    expect(parseAllDocuments(rendered.out)).toHaveLength(4);
    const after = join(folder, 'after.yaml');
    writeFileSync(after, rendered.out);
    const again = await cli(['plan', '-f', after, '-f', policy, ...ISTIO]);
    expect(again.out).toContain('2 workloads compliant');
  });

  it('an overlay that two Gateways share is written once, and not where they need different values', async () => {
    const two = [gateway('quay', 'istio', NAMES), gateway('berth', 'istio', NAMES), PIER].join('---\n');
    const folder = folderWith({ 'in/a.yaml': two, 'policy.yaml': FIXED });
    const same = await cli(['render', join(folder, 'in'), '-p', join(folder, 'policy.yaml'), '-o', 'diff', ...ISTIO]);
    expect(same.err).not.toContain('several Gateways');
    expect(same.out.match(/^\+ +terminationGracePeriodSeconds: 75/gm)).toHaveLength(1);
    const other = FIXED.replace('name: quays', 'name: berths').replace('proxies:', 'names: [berth-istio], proxies:');
    writeFileSync(join(folder, 'policy.yaml'), `${FIXED}---\n${other.replace('40s', '50s')}`);
    const differ = await cli(['render', join(folder, 'in'), '-p', join(folder, 'policy.yaml'), '-o', 'diff', ...ISTIO]);
    expect(differ.code).toBe(1);
    expect(differ.err).toContain('named by several Gateways');
  });

  it('say what to write by hand where the ConfigMap is not among the manifests', async () => {
    const folder = folderWith({ 'in/a.yaml': gateway('quay', 'istio', NAMES), 'policy.yaml': ADAPTIVE });
    const { err, code } = await cli(['render', join(folder, 'in'), '-p', join(folder, 'policy.yaml'), ...ISTIO]);
    expect(code).toBe(1);
    expect(err).toContain('ConfigMap port/pier');
    expect(err).toContain('terminationGracePeriodSeconds: 75');
  });

  it('that istiod would refuse are said to be', async () => {
    const broken = PIER.replace(/ {4}# kept[^]*/, '    metadata: {name: x}\n');
    const folder = folderWith({ 'a.yaml': [gateway('quay', 'istio', NAMES), broken].join('---\n') });
    const { err } = await cli(['lint', folder, '--allow-empty', ...ISTIO]);
    expect(err).toContain('illegal metadata change');
  });
});
