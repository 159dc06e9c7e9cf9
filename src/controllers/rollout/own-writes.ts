import type { Workload } from '../../drain/model/workload.ts';
import type { Rolling } from '../../drain/rollout/gate.ts';

/** What the API server answers to a write. */
export interface Written {
  readonly metadata?: { readonly resourceVersion?: string; readonly generation?: number };
}

/** A write of ours that the cache has not shown yet. Until it does, no decision on the older record may be carried out. */
export interface OwnWrite {
  readonly resourceVersion: string;
  readonly generation: number;
  readonly rolling: Rolling;
}

/**
 * Whether the cache shows our write, or something after it. resourceVersions of one kind are numbers that grow (part of
 * the API since Kubernetes 1.35, and true of every release that stores in etcd); where they are not, a later generation
 * tells. A write that leaves the spec alone does not change the generation.
 */
export function isAtLeast(workload: Workload, own: OwnWrite): boolean {
  const seen = workload.resourceVersion ?? '';
  if (DIGITS.test(seen) && DIGITS.test(own.resourceVersion)) {
    return BigInt(seen) >= BigInt(own.resourceVersion);
  }
  return seen === own.resourceVersion || (workload.generation ?? 0) > own.generation;
}

const DIGITS = /^\d+$/;
