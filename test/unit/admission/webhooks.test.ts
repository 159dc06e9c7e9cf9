import { describe, expect, it } from '@jest/globals';
import {
  MAX_SELECTORS,
  webhooksFor,
  type Webhook,
  type WebhookKind,
  type WebhookNeed,
} from '../../../src/admission/webhooks.ts';

const KINDS: WebhookKind[] = [
  { kind: 'Deployment', apiVersion: 'apps/v1', plural: 'deployments' },
  { kind: 'StatefulSet', apiVersion: 'apps/v1', plural: 'statefulsets' },
  { kind: 'CronJob', apiVersion: 'batch/v1', plural: 'cronjobs' },
];
const CLIENT = { service: { namespace: 'sidecar-drain-system', name: 'admission', path: '/mutate', port: 443 } };
const EXCLUDED = ['kube-system', 'istio-system', 'kube-system'];
const NOT_EXCLUDED = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['istio-system', 'kube-system'] };

function need(namespaceSelector: WebhookNeed['namespaceSelector'], more: Partial<WebhookNeed> = {}): WebhookNeed {
  return { namespaceSelector, kinds: ['Deployment', 'StatefulSet'], delivery: 'PodTemplate', ...more };
}

function webhooks(...needs: WebhookNeed[]): Webhook[] {
  return webhooksFor(needs, KINDS, EXCLUDED, CLIENT);
}

function selectors(list: readonly Webhook[]): unknown[] {
  return list.map((webhook) => webhook.namespaceSelector.matchExpressions?.slice(0, -1));
}

describe('webhooksFor', () => {
  it('asks for nothing where no policy needs anything', () => {
    expect(webhooks()).toEqual([]);
  });

  it('always leaves out the excluded namespaces, each once', () => {
    const list = webhooks(need({}), need({ matchLabels: { a: 'b' } }, { delivery: 'Admission' }));

    expect(list.map((webhook) => webhook.namespaceSelector.matchExpressions?.at(-1))).toEqual([
      NOT_EXCLUDED,
      NOT_EXCLUDED,
    ]);
  });

  it('fails open, within three seconds, without side effects', () => {
    const [webhook] = webhooks(need({}));

    expect(webhook).toMatchObject({
      failurePolicy: 'Ignore',
      sideEffects: 'None',
      reinvocationPolicy: 'IfNeeded',
      matchPolicy: 'Equivalent',
      admissionReviewVersions: ['v1'],
    });
    expect(webhook?.timeoutSeconds).toBeLessThanOrEqual(3);
  });

  it.each<[string, WebhookNeed[], unknown[]]>([
    [
      'two writings of one selector are one',
      [
        need({ matchLabels: { a: 'x', b: 'y' } }),
        need({
          matchExpressions: [
            { key: 'b', operator: 'In', values: ['y'] },
            { key: 'a', operator: 'In', values: ['x'] },
          ],
        }),
      ],
      [
        [
          { key: 'a', operator: 'In', values: ['x'] },
          { key: 'b', operator: 'In', values: ['y'] },
        ],
      ],
    ],
    [
      'values of one label are one',
      [
        need({ matchLabels: { team: 'b' } }),
        need({ matchLabels: { team: 'a' } }),
        need({ matchExpressions: [{ key: 'team', operator: 'In', values: ['c', 'a'] }] }),
      ],
      [[{ key: 'team', operator: 'In', values: ['a', 'b', 'c'] }]],
    ],
    ['one that takes every namespace takes in all others', [need({ matchLabels: { a: 'x' } }), need({})], [[]]],
    [
      'absence of a label is kept',
      [need({ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] })],
      [[{ key: 'a', operator: 'DoesNotExist' }]],
    ],
    [
      'values to leave out are never merged',
      [
        need({ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['x'] }] }),
        need({ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['x', 'y'] }] }),
      ],
      [[{ key: 'a', operator: 'NotIn', values: ['x'] }], [{ key: 'a', operator: 'NotIn', values: ['x', 'y'] }]],
    ],
  ])('%s', (_what, needs, expected) => {
    const found = selectors(webhooks(...needs));

    expect(found).toHaveLength(expected.length);
    expect(found).toEqual(expect.arrayContaining(expected));
  });

  it('takes one entry for everything where there are too many selectors', () => {
    const many = Array.from({ length: MAX_SELECTORS + 1 }, (_, index) =>
      need({ matchExpressions: [{ key: `label-${index}`, operator: 'Exists' as const }] }),
    );

    expect(selectors(webhooks(...many.slice(1)))).toHaveLength(MAX_SELECTORS);
    expect(selectors(webhooks(...many))).toEqual([[]]);
  });

  it('names the kinds that the policies name, and no other', () => {
    const [both] = webhooks(
      need({}, { kinds: ['CronJob'] }),
      need({ matchLabels: { a: 'x' } }, { kinds: ['StatefulSet', 'Unknown'] }),
    );

    expect(both?.rules).toEqual([
      {
        operations: ['CREATE', 'UPDATE'],
        apiGroups: ['apps'],
        apiVersions: ['v1'],
        resources: ['statefulsets'],
        scope: 'Namespaced',
      },
      {
        operations: ['CREATE', 'UPDATE'],
        apiGroups: ['batch'],
        apiVersions: ['v1'],
        resources: ['cronjobs'],
        scope: 'Namespaced',
      },
    ]);
    expect(webhooks(need({}, { kinds: ['Unknown'] }))).toEqual([]);
  });

  it('asks about pods only for delivery Admission, and then not about the workloads', () => {
    const list = webhooks(need({}, { delivery: 'Admission' }));

    expect(list.map((webhook) => webhook.rules)).toEqual([
      [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' }],
    ]);
    expect(list[0]?.objectSelector).toEqual({
      matchExpressions: [{ key: 'sidecar.istio.io/inject', operator: 'NotIn', values: ['false'] }],
    });
  });

  it('keeps the name of an entry while others come and go, and the order whatever the order of the policies', () => {
    const a = need({ matchLabels: { team: 'a' } });
    const b = need({ matchLabels: { team: 'b' } });
    const c = need({ matchLabels: { stage: 'c', team: 'a' } });

    const alone = webhooks(a).map((webhook) => webhook.name);
    const all = webhooks(a, b, c);

    expect(all.map((webhook) => webhook.name)).toEqual(expect.arrayContaining(alone));
    expect(webhooks(c, b, a)).toEqual(all);
    // The API server asks for a name of at least three parts.
    expect(all.every((webhook) => webhook.name.split('.').length >= 3)).toBe(true);
  });
});
