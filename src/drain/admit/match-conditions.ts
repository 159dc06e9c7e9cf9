import { FIELD_MANAGER } from '../../api/names.ts';

/** A match condition of a webhook or an admission policy. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** What the operator itself writes or restores is decided already. */
export const NOT_WRITTEN_BY_US: MatchCondition = {
  name: 'not-written-by-us',
  expression: `!has(request.options) || !has(request.options.fieldManager) || request.options.fieldManager != '${FIELD_MANAGER}'`,
};

/** Istio's injector leaves these alone, so there is no proxy to drain. */
export const NOT_ON_HOST_NETWORK: MatchCondition = {
  name: 'not-on-host-network',
  expression: '!has(object.spec.hostNetwork) || !object.spec.hostNetwork',
};
