// The door of this room: the mutating admission webhook.
//
//   review         what the API server asks, and what it is told
//   handler        the answer: what to put into a workload or a pod
//   server         HTTPS; lets every request through, whatever happens
//   certificates   from files, or of its own and in memory; replaced while serving
//   configuration  keeps the MutatingWebhookConfiguration: which namespaces, which kinds, whom to trust
//   admission      all of it together

export { Admission } from './admission.ts';
export type { AdmissionOptions, AdmissionSources, AdmissionState } from './admission.ts';
export { CertificateFiles, SelfManagedCertificates } from './certificates.ts';
export { CA_ANNOTATION, WEBHOOK_CONFIGURATION } from './configuration.ts';
export type {
  AdmissionAnswer,
  AdmissionHandler,
  AdmissionOperation,
  AdmissionRequest,
  AdmissionUser,
  GroupVersionKind,
  GroupVersionResource,
} from './review.ts';
export { createAdmissionHandler } from './handler.ts';
export type { AdmissionFacts } from './handler.ts';
