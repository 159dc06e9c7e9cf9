/** What the controllers know of the admission webhook of their own replica; the webhook itself is another room. */
export interface AdmissionSide {
  /**
   * Off: not asked for. Starting: asked for, and not yet, or no longer, such that the API server could call it; `detail` says why.
   * Serving: it listens, its certificate is trusted, and the webhook configuration is there.
   */
  readonly state: 'Off' | 'Starting' | 'Serving';
  readonly detail: string | undefined;
  /** Something that decides about the webhook configuration has changed: policies, leadership, Istio's root namespace. */
  changed(): void;
}

export const ADMISSION_OFF: AdmissionSide = {
  state: 'Off',
  detail: 'the operator runs without --admission',
  changed: () => undefined,
};
