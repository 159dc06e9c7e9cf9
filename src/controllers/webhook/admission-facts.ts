import type { AdmitFacts } from '../../drain/admit/index.ts';
import type { Workload } from '../../drain/model/workload.ts';
import type { OwnProxyConfig } from '../../drain/plan/decide.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { kindName, type WorkloadKindAdapter } from '../../drain/template/index.ts';
import { firstRefusal } from '../workload/gates.ts';
import type { Caches } from '../watches/caches.ts';

export interface AdmissionFactsOptions {
  readonly caches: Caches;
  readonly operatorNamespace: string;
  readonly unboundedTenants: boolean;
  readonly ownProxyConfig: (policy: PolicyRecord, namespace: string) => OwnProxyConfig | undefined;
  readonly now: () => number;
}

/** What the webhook is told of the cluster: the same caches that the controllers decide from, on every replica. */
export class AdmissionFacts {
  private readonly options: AdmissionFactsOptions;

  constructor(options: AdmissionFactsOptions) {
    this.options = options;
  }

  adapterOf(kind: string, apiVersion: string): WorkloadKindAdapter | undefined {
    const adapter = this.options.caches.adapterOf(kindName(kind, apiVersion));
    return adapter?.apiVersion === apiVersion && adapter.reportedOnly !== true ? adapter : undefined;
  }

  workload(key: string): Workload | undefined {
    return this.options.caches.workload(key);
  }

  factsFor(workload: Workload): AdmitFacts | undefined {
    const { caches, now, operatorNamespace, unboundedTenants, ownProxyConfig } = this.options;
    const namespace = caches.namespace(workload.namespace);
    // What the controllers would not write now, the webhook does not either.
    const refused = firstRefusal({
      kind: 'Admit',
      now: now(),
      offSwitch: caches.writesHeldBecause(),
      namespaceEnding: namespace.deleting === true,
      holderStalled: undefined,
      approval: open,
      window: open,
      withdrawal: open,
      obstacle: open,
      slot: open,
    });
    if (refused !== undefined) {
      return undefined;
    }
    const exemption = caches.exemptions.of(workload, now() / 1000);
    return {
      namespace,
      mesh: caches.meshFacts(),
      policies: caches.policiesIn(namespace),
      operatorNamespace,
      unboundedTenants,
      ownProxyConfig,
      exemption,
    };
  }

  deliversToPods(): boolean {
    return this.options.caches.policyRecords().some(({ spec, deleting }) => !deleting && spec.delivery === 'Admission');
  }
}

/** The webhook waits for nothing: the pods are about to be made anyway. */
function open(): undefined {
  return undefined;
}
