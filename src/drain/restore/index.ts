/** What stood in a workload before us, and how it is restored. */
export type { JsonPatchOperation } from './json-patch.ts';
export { planRestore } from './restore.ts';
export type { RestoreStep } from './restore.ts';
export { planYield } from './yield.ts';
export {
  decodeState,
  encodeState,
  nextState,
  templateBefore,
  valuesInPlace,
  writtenValuesStand,
} from '../template/note/state.ts';
export type { DecodedState, FieldStates, NextStateInput, WorkloadState } from '../template/note/state.ts';
