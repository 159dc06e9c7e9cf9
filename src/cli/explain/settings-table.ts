import type { LifecycleHandler } from '../../api/kubernetes.ts';
import type { HookAnalysis } from '../../hooks/index.ts';
import { EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE } from '../../api/names.ts';
import { analyseAppHook, analyseProxyHook } from '../../drain/mesh/container-hooks.ts';
import type { EffectiveSettings, Origin, Sourced } from '../../drain/model/settings.ts';
import { secondsWords } from '../../drain/timeline/draw/index.ts';

/** One setting with its value, and where that came from. */
export interface SettingRow {
  readonly name: string;
  readonly value: string;
  readonly origin: Origin;
  readonly originWords: string;
  /** What Istio makes of a bad value, or what a hook does. */
  readonly note?: string;
  /** The value under the policy, where it differs. */
  readonly withPolicy?: string;
}

type Read = (
  settings: EffectiveSettings,
) => { readonly sourced: Sourced<unknown>; readonly value: string; readonly note?: string } | undefined;

interface Row {
  readonly name: string;
  readonly read: Read;
}

function clock(name: string, pick: (settings: EffectiveSettings) => Sourced<number>): Row {
  return {
    name,
    read: (settings) => {
      const sourced = pick(settings);
      return { sourced, value: secondsWords(sourced.value), note: sourced.note };
    },
  };
}

function flag(name: string, pick: (settings: EffectiveSettings) => Sourced<boolean | string>): Row {
  return {
    name,
    read: (settings) => {
      const sourced = pick(settings);
      return { sourced, value: String(sourced.value), note: sourced.note };
    },
  };
}

function proxyHook(name: 'preStop' | 'postStart'): Row {
  return {
    name: `${name} of istio-proxy`,
    read: (settings) => {
      const sourced = name === 'preStop' ? settings.proxyPreStop : settings.proxyPostStart;
      if (sourced === undefined) {
        return undefined;
      }
      const note = name === 'preStop' ? proxyHookNote(sourced.value, settings) : undefined;
      return { sourced, value: handlerWords(sourced.value), note };
    },
  };
}

const ROWS: readonly Row[] = [
  clock('terminationGracePeriodSeconds', (settings) => settings.gracePeriod),
  clock('terminationDrainDuration', (settings) => settings.terminationDrainDuration),
  clock('drainDuration', (settings) => settings.drainDuration),
  flag(EXIT_ON_ZERO_VARIABLE, (settings) => settings.exitOnZeroActiveConnections),
  clock(MINIMUM_DRAIN_VARIABLE, (settings) => settings.minimumDrainDuration),
  flag('holdApplicationUntilProxyStarts', (settings) => settings.holdApplicationUntilProxyStarts),
  flag('proxy image', (settings) => settings.proxyImage),
  proxyHook('preStop'),
  proxyHook('postStart'),
];

const WITHOUT_PROXY: readonly string[] = ['terminationGracePeriodSeconds'];

/** Every clock with its origin; where the pods get no proxy, only those that count without one. */
export function settingsTable(before: EffectiveSettings, after?: EffectiveSettings): SettingRow[] {
  const rows = [...ROWS, ...appRows(before)].filter(
    (row) => before.proxy.container !== 'None' || WITHOUT_PROXY.includes(row.name) || !ROWS.includes(row),
  );
  return rows.flatMap((row) => {
    const now = row.read(before);
    const then = after === undefined ? undefined : row.read(after);
    const shown = now ?? then;
    if (shown === undefined) {
      return [];
    }
    const changed = after !== undefined && now?.value !== then?.value;
    return [
      {
        name: row.name,
        value: now?.value ?? 'none',
        origin: now?.sourced.origin ?? { level: 'BuiltIn' as const },
        originWords: now === undefined ? '' : placeWords(now.sourced.origin),
        note: shown.note,
        ...(changed ? { withPolicy: then?.value ?? 'none' } : {}),
      },
    ];
  });
}

function appRows(settings: EffectiveSettings): Row[] {
  return settings.apps
    .filter((app) => app.preStop !== undefined)
    .map((app) => ({
      name: `preStop of ${app.name}`,
      read: (from) => {
        const found = from.apps.find((candidate) => candidate.name === app.name);
        return found?.preStop === undefined
          ? undefined
          : {
              sourced: found.preStop,
              value: handlerWords(found.preStop.value),
              note: hookWords(analyseAppHook(found.preStop.value, from, found.hookEnvironment)),
            };
      },
    }));
}

function proxyHookNote(handler: LifecycleHandler, settings: EffectiveSettings): string {
  const image = settings.proxyImage.value;
  const analysis = analyseProxyHook(handler, settings, image === 'unknown' ? 'with-shell' : image);
  return `${image === 'unknown' && analysis.needsShell ? 'if the image has a shell: ' : ''}${hookWords(analysis)}`;
}

function hookWords(analysis: HookAnalysis): string {
  return analysis.recognised?.explanation ?? analysis.summary;
}

const LONGEST_COMMAND = 72;

function handlerWords(handler: LifecycleHandler): string {
  if (handler.sleep !== undefined) {
    return `sleep ${handler.sleep.seconds} s`;
  }
  if (handler.httpGet !== undefined) {
    return `httpGet ${handler.httpGet.port}${handler.httpGet.path ?? ''}`;
  }
  if (handler.tcpSocket !== undefined) {
    return `tcpSocket ${handler.tcpSocket.port}`;
  }
  const command = (handler.exec?.command ?? []).join(' ').replace(/\s+/g, ' ').trim();
  return command.length > LONGEST_COMMAND ? `${command.slice(0, LONGEST_COMMAND - 1)}…` : command;
}

/** The object and the path in it, as somebody needs them who wants to change the value. */
function placeWords(origin: Origin): string {
  const place = [origin.object, origin.path].filter((part) => part !== undefined).join(' ');
  switch (origin.level) {
    case 'BuiltIn':
      return place === '' ? 'default' : place === 'stated' ? 'stated' : `default, ${place}`;
    case 'MeshConfig':
      return `mesh config: ${place}`;
    case 'Injector':
      return `injector: ${place}`;
    case 'Delete':
      return 'the delete call';
    case 'RootProxyConfig':
    case 'NamespaceProxyConfig':
    case 'SelectorProxyConfig':
      return place === '' ? 'ProxyConfig' : place;
    case 'LivePod':
    case 'Annotation':
    case 'Template':
      return place === '' ? origin.level.toLowerCase() : place;
  }
}
