import { mergeProxyConfigAnnotation } from '../../drain/template/index.ts';
import { DEFAULT_APPLICATION } from '../../drain/timeline/application.ts';
import { survivalOf } from '../../drain/timeline/verdict.ts';
import type { Judgement } from '../facts/judge.ts';
import type { Expectation } from './file.ts';

/** One expectation that does not hold. */
export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

type Check = (expect: Expectation, judgement: Judgement) => Difference[];

function differs(what: string, expected: string, got: string): Difference[] {
  return expected === got ? [] : [{ what, expected, got }];
}

/** One entry for each member of an expectation. */
const CHECKS: readonly Check[] = [
  (expect, { assessment }) =>
    expect.policy === undefined
      ? []
      : differs(
          'policy',
          expect.policy ?? 'none',
          (assessment.governing ?? assessment.audits[0])?.policy.name ?? 'none',
        ),
  (expect, { decision }) =>
    expect.outcome === undefined || expect.outcome === decision?.outcome
      ? []
      : [
          {
            what: 'outcome',
            expected: expect.outcome,
            got: decision === undefined ? 'no policy selects it' : `${decision.outcome}: ${decision.message}`,
          },
        ],
  (expect, { decision }) =>
    expect.reason === undefined ? [] : differs('reason', expect.reason ?? 'none', decision?.reason ?? 'none'),
  (expect, { settings }) =>
    expect.proxy === undefined || expect.proxy === settings.proxy.kind
      ? []
      : [
          {
            what: 'proxy',
            expected: expect.proxy,
            got: `${settings.proxy.kind}: ${[...settings.proxy.because, ...settings.proxy.missing.map((fact) => `missing: ${fact}`)].join(', ')}`,
          },
        ],
  findings,
  changes,
  survives,
];

function findings({ findings: wanted, includes, excludes }: Expectation, judgement: Judgement): Difference[] {
  const all = judgement.findings;
  const text = (codes: readonly string[]): string =>
    codes.length === 0 ? 'none' : [...new Set(codes)].sort().join(', ');
  const counted = all
    .filter((finding) => finding.severity !== 'info' || wanted?.includes(finding.code) === true)
    .map((finding) => finding.code);
  const codes = all.map((finding) => finding.code);
  const missing = (includes ?? []).filter((code) => !codes.includes(code));
  const surplus = all.filter((finding) => excludes?.includes(finding.code) === true);
  return [
    ...(wanted === undefined ? [] : differs('findings', text(wanted), text(counted))),
    ...(missing.length === 0 ? [] : [{ what: 'includes', expected: text(missing), got: text(codes) }]),
    ...surplus.map((finding) => ({
      what: 'excludes',
      expected: `no ${finding.code}`,
      got: `${finding.code}: ${finding.message}`,
    })),
  ];
}

function changes({ changes: wanted }: Expectation, { decision }: Judgement): Difference[] {
  if (wanted === undefined) {
    return [];
  }
  const got = new Map((decision?.changes ?? []).map((change) => [change.field as string, change.after ?? '(removed)']));
  const differences: Difference[] = [];
  for (const [field, value] of Object.entries(wanted)) {
    const present = got.get(field);
    if (present === undefined) {
      differences.push({ what: `changes.${field}`, expected: value ?? 'some value', got: 'no change' });
    } else if (value !== null && !sameValue(field, value, present)) {
      differences.push({ what: `changes.${field}`, expected: value, got: present });
    }
  }
  for (const [field, value] of got) {
    if (!Object.hasOwn(wanted, field)) {
      differences.push({ what: `changes.${field}`, expected: 'no change', got: value });
    }
  }
  return differences;
}

/** The annotation is compared as what it says; blanks at its end mean nothing. */
function sameValue(field: string, expected: string, got: string): boolean {
  if (field !== 'proxyConfig') {
    return expected === got;
  }
  const merged = mergeProxyConfigAnnotation(got, {});
  return expected.trimEnd() === (merged.ok ? merged.text : got).trimEnd();
}

function survives({ survives: wanted }: Expectation, { decision, settings }: Judgement): Difference[] {
  if (wanted === undefined) {
    return [];
  }
  const { longestInFlight, endedBy } = survivalOf(decision?.after ?? settings, DEFAULT_APPLICATION);
  return longestInFlight >= wanted
    ? []
    : [
        {
          what: 'survives',
          expected: `at least ${wanted} s`,
          got: `${Number(longestInFlight.toFixed(1))} s${endedBy === 'ProxyGone' ? ': then the proxy is gone' : endedBy === 'AppGone' ? ': then the application is gone' : ''}`,
        },
      ];
}

export function differencesOf(expect: Expectation, judgement: Judgement): Difference[] {
  return CHECKS.flatMap((check) => check(expect, judgement));
}
