// What was seen, put together from the watch, the logs and the objects.
import type { DeploymentObject } from './cluster/api.ts';
import type { SeenTermination } from './observe/forecast.ts';
import { lateCalls, requestsOfPod, type LoadRequest, type ProgramLine } from './observe/lines.ts';
import type { PodStory } from './observe/pods.ts';
import { RESTARTED_AT } from './plan/objects.ts';

export function terminationOf(
  story: PodStory,
  logs: ReadonlyMap<string, readonly ProgramLine[]>,
  requests: readonly LoadRequest[],
): SeenTermination {
  const calls = lateCalls(logs.get(story.name) ?? []);
  const { goneAt, heardOfDeletionAt } = story;
  return {
    pod: story.name,
    proxy: story.proxy,
    deletedAt: story.deletedAt ?? Number.NaN,
    gracePeriodSeconds: story.gracePeriodSeconds ?? Number.NaN,
    ends: story.ends,
    ...(goneAt === undefined || Number.isNaN(goneAt) || heardOfDeletionAt === undefined
      ? {}
      : { goneAfterSeconds: (goneAt - heardOfDeletionAt) / 1000 }),
    requests: requestsOfPod(story.name, logs, requests),
    ...(calls === undefined ? {} : { lateCalls: calls }),
  };
}

/** The template of before, with the restart that the suite itself has asked for since. */
export function withoutRestart(before: DeploymentObject, now: DeploymentObject): unknown {
  const template = JSON.parse(JSON.stringify(before.spec.template)) as {
    metadata?: { annotations?: Record<string, string> };
  };
  const restartedAt = now.spec.template.metadata?.annotations?.[RESTARTED_AT];
  if (template.metadata?.annotations !== undefined && restartedAt !== undefined) {
    template.metadata.annotations[RESTARTED_AT] = restartedAt;
  }
  return template;
}
