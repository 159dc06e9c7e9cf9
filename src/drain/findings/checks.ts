import type { Finding } from '../../api/reasons.ts';
import { memoizeByObject } from '../memoize.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import { isJob } from '../model/workload.ts';
import type { Intent } from '../promise/intent.ts';
import type { Check, CheckInput, SettingsCheck, SettingsCheckInput } from './check.ts';
import {
  drainIgnored,
  drainTooShort,
  inertOnNative,
  listenerCloses,
  minimumDrainInert,
  outboundNotCovered,
} from './checks/drain.ts';
import { templateRefused } from './checks/form.ts';
import { graceTooShort, nodeBudget } from './checks/grace.ts';
import {
  appHooks,
  defaultsOfAppHooks,
  failingAppHooks,
  holdHook,
  nativeDrainDropped,
  proxyHook,
} from './checks/hooks.ts';
import { jobNeverCompletes } from './checks/jobs.ts';
import { stopSignals } from './checks/stop-signal.ts';
import { newRequestsRefused } from './checks/new-requests.ts';
import { misplaced, notRead } from './checks/placement.ts';
import { imageAuto, proxyKindUnknown } from './checks/proxy.ts';
import { settingProblems } from './checks/settings.ts';

/** What is said of one workload alone, whatever others have the same settings. */
export const OF_WORKLOAD = { templateRefused, misplaced, nodeBudget } satisfies Record<string, Check>;

/** Every check, in the order in which findings are shown. A new finding is a new line here. */
export const CHECKS: readonly (SettingsCheck | keyof typeof OF_WORKLOAD)[] = [
  'templateRefused',
  settingProblems,
  'misplaced',
  notRead,
  graceTooShort,
  drainTooShort,
  proxyHook,
  nativeDrainDropped,
  appHooks,
  defaultsOfAppHooks,
  failingAppHooks,
  newRequestsRefused,
  stopSignals,
  drainIgnored,
  minimumDrainInert,
  inertOnNative,
  outboundNotCovered,
  listenerCloses,
  holdHook,
  imageAuto,
  'nodeBudget',
  jobNeverCompletes,
  proxyKindUnknown,
];

/** What is the matter with a workload today, whatever a policy would do. */
export function findingsOf(input: Omit<CheckInput, 'job'>): Finding[] {
  const { workload } = input;
  const whole = { ...input, job: isJob(workload) };
  const found: Finding[] = [];
  for (const entry of findingsOfSettings(whole)) {
    if (typeof entry === 'string') {
      found.push(...OF_WORKLOAD[entry](whole));
    } else {
      found.push(entry);
    }
  }
  return found;
}

/** In the order in which they are shown, with the places of those that each workload has of its own. */
type Found = readonly (Finding | keyof typeof OF_WORKLOAD)[];

/** Workloads of a fleet have few different settings and intents, and each pair has its findings once. */
function findingsOfSettings(input: SettingsCheckInput): Found {
  const known = foundUnder(input.settings)(input.intent);
  const word = input.job ? 'job' : 'server';
  let found = known[word];
  if (found?.clocks !== input.clocks) {
    found = {
      clocks: input.clocks,
      all: CHECKS.flatMap((check): Found => (typeof check === 'string' ? [check] : check(input))),
    };
    known[word] = found;
  }
  return found.all;
}

interface FoundWith {
  readonly clocks: SettingsCheckInput['clocks'];
  readonly all: Found;
}

interface FoundByKind {
  job?: FoundWith;
  server?: FoundWith;
}

const foundUnder = memoizeByObject<EffectiveSettings, (intent: Intent) => FoundByKind>(() =>
  memoizeByObject<Intent, FoundByKind>(() => ({})),
);
