import type { JsonPatchOperation, KubeClient, ObjectRef, WriteOptions } from './client.ts';
import { isApiError } from './errors.ts';
import type { Resource } from './resources.ts';

export interface StepOptions extends Pick<WriteOptions, 'fieldManager' | 'signal'> {
  /** Steps and conflicts altogether; the conflict after that is thrown. */
  readonly tries: number;
  /** false: a conflict at the first step is thrown, because it was decided on an older record. */
  readonly retryFirst: boolean;
}

/**
 * Changes an object by JSON patches that follow on each other, each planned on what stands there now. Controllers answer a
 * change of a workload within milliseconds: a conflict is planned again on the newer object.
 * @returns the object after the last step; undefined where it is not there
 */
export async function patchInSteps<T>(
  client: KubeClient,
  resource: Resource,
  ref: ObjectRef,
  plan: (live: T) => { readonly patch: readonly JsonPatchOperation[]; readonly last: boolean },
  options: StepOptions,
): Promise<T | undefined> {
  const { tries, retryFirst, fieldManager } = options;
  const call = options.signal === undefined ? {} : { signal: options.signal };
  let live = await client.find<T>(resource, ref, call);
  for (let last = false, step = 0; live !== undefined && !last; step += 1) {
    const planned = plan(live);
    try {
      live = await client.jsonPatch<T>(resource, ref, planned.patch, { ...call, fieldManager, retry: 'never' });
      last = planned.last;
    } catch (error) {
      if ((step === 0 && !retryFirst) || step >= tries || !isApiError(error) || !error.isConflict) {
        throw error;
      }
      live = await client.find<T>(resource, ref, call);
    }
  }
  return live;
}
