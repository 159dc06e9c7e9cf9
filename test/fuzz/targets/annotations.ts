import { STATE_ANNOTATION } from '../../../src/api/names.ts';
import { planRestore } from '../../../src/drain/restore/restore.ts';
import { parseProxyConfigAnnotation } from '../../../src/drain/template/annotation.ts';
import { mergeProxyConfigAnnotation } from '../../../src/drain/template/annotation-edit.ts';
import { partsWritten, withoutParts } from '../../../src/drain/template/note/annotation-parts.ts';
import { decodeState, encodeState } from '../../../src/drain/template/note/state.ts';
import { decideFor, policyOf, workloadOf } from '../../fixtures/drain/objects.ts';
import { forgedNotes, soundNote } from '../../support/forged-notes.ts';
import { demand, type FuzzTarget } from './target.ts';

const EDITS = {
  terminationDrainDuration: 65,
  holdApplicationUntilProxyStarts: true,
  proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' },
};

const YAML_WORDS =
  'terminationDrainDuration: drainDuration: proxyMetadata: EXIT_ON_ZERO_ACTIVE_CONNECTIONS: MINIMUM_DRAIN_DURATION: holdApplicationUntilProxyStarts: termination_drain_duration: 30s 1m0s "5s" \'5s\' true yes off ~ null 012 0x1 1_0 .inf : - ? | > |- >+2 & &a *a <<: *a !!str !!binary !t # --- ... %YAML\u00201.1 { } [ ] , \n \n\u0020\u0020 \n\u0020\u0020\u0020\u0020 \t \r\n " \' \\ \\u0041 \ufeff concurrency: 2 a: - kind: metadata:'.split(
    ' ',
  );

/** The annotation proxy.istio.io/config. */
export const annotationTarget: FuzzTarget = {
  name: 'annotation',
  about: 'the annotation proxy.istio.io/config: read, edited, given back',
  seeds: [
    '',
    'terminationDrainDuration: 30s',
    'proxyMetadata:\n  EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"\n  MINIMUM_DRAIN_DURATION: 5s # short\nconcurrency: 2\n',
    '{"terminationDrainDuration":"9s","proxyMetadata":{"A":"b"}}',
    'a: &x {terminationDrainDuration: 1m}\n<<: *x\n',
    'drainDuration: 45s\n---\nterminationDrainDuration: 1s\n',
    'a: |\n  text\n b\nc: >-\n  folded\n\n  text\n',
    `a: &a [x]\n${Array.from({ length: 30 }, (_, index) => `b${index}: &b${index} [*a, *a]\n`).join('')}`,
    `? - complex\n: value\nproxy_metadata: {A: "\\x41\\u00e9"}\n`,
  ],
  words: YAML_WORDS,
  run(text) {
    const reading = parseProxyConfigAnnotation(text);
    const { outcome } = decideFor(workloadOf({ config: text }), policyOf());
    demand(reading.ok || outcome !== 'Compliant', 'what cannot be read is not compliant', outcome);
    const merged = mergeProxyConfigAnnotation(text, EDITS);
    if (!merged.ok) {
      return;
    }
    const read = parseProxyConfigAnnotation(merged.text);
    demand(reading.ok && read.ok, 'what was edited can be read', merged.text);
    demand(read.values.terminationDrainDuration === 65, 'the edit stands', merged.text);
    const again = mergeProxyConfigAnnotation(merged.text, EDITS);
    demand(again.ok && !again.changed, 'a second edit changes nothing', merged.text);
    const given = withoutParts(merged.text, text, partsWritten(text, merged.text));
    const back = given === undefined ? undefined : parseProxyConfigAnnotation(given);
    demand(
      back === undefined ||
        (back.ok && back.values.terminationDrainDuration === reading.values.terminationDrainDuration),
      'what was given back says what it said before',
      given,
    );
  },
};

const POLICY = { name: 'long-requests', uid: 'uid-of-long-requests' };
const NOTE_WORDS = [
  ...'{ } [ ] , : " null true false 0 -1 1e308 \\u0000 \\ "v":1 "uid": "policy": "name": "intent": "onDelete":"Restore" "maxConcurrent": "at": "adopted": "reverts": "gap": "fields": "gracePeriod": "before": "wrote": "owners":[] "proxyConfig": "keys": "proxyContainer": "preStop": "lifecycle": "exec": "command": "__proto__": "constructor": "toString":1 "2026-03-01T10:00:00Z"'.split(
    ' ',
  ),
  '{"toString":1,"valueOf":null}',
];

/** The annotation sidecardrain.io/state. */
export const noteTarget: FuzzTarget = {
  name: 'note',
  about: 'the state annotation: read, written again, followed by a plan and by a restore',
  seeds: [
    JSON.stringify(soundNote(POLICY)),
    ...forgedNotes(POLICY)
      .map(({ text }) => text)
      .filter(({ length }) => length < 2_000),
  ],
  words: NOTE_WORDS,
  run(text) {
    const decoded = decodeState(text);
    const workload = workloadOf({
      grace: 75,
      config: 'terminationDrainDuration: 65s',
      metadata: { [STATE_ANNOTATION]: text },
    });
    for (const mayWrite of [true, false]) {
      decideFor(workload, policyOf({}, { mayWrite }));
    }
    if (!decoded.ok) {
      return;
    }
    const again = decodeState(encodeState(decoded.state));
    demand(again.ok, 'a note that was read can be written', again);
    const { template, annotations } = workload;
    for (const mode of ['Restore', 'Orphan'] as const) {
      const raw = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'checkout', namespace: 'shop', uid: 'u', resourceVersion: '1', annotations },
        spec: { template },
      };
      const { patch } = planRestore(raw, decoded.state, mode);
      demand(
        patch.every(({ path }) => /^\/(metadata|spec\/template)\//.test(path)),
        'a restore touches metadata and the pod template only',
        patch,
      );
    }
  },
};
