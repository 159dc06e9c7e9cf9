// Stands where Istio's injector stands and keeps what it is given: what the injector would have made its proxy from.
import { createServer, type Server } from 'node:https';
import { issueCertificate } from '../../src/admission/x509.ts';
import type { Cluster } from './cluster.ts';

export interface RecordedPod {
  readonly metadata: {
    readonly namespace?: string;
    readonly generateName?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: {
    readonly terminationGracePeriodSeconds?: number;
    readonly containers: readonly {
      readonly name: string;
      readonly image?: string;
      readonly lifecycle?: { readonly preStop?: object };
    }[];
  };
}

export interface InjectorRecorder {
  readonly pods: readonly RecordedPod[];
  stop(): Promise<void>;
}

/** Asked about every pod of the namespaces with `istio-injection: enabled`, after whatever sorts before Istio's name. */
export async function startRecorder(cluster: Cluster): Promise<InjectorRecorder> {
  const pods: RecordedPod[] = [];
  const issued = issueCertificate({
    authority: 'recorder',
    hosts: ['127.0.0.1'],
    now: Date.now(),
    lifetimeMs: 3_600_000,
  });
  const server: Server = createServer({ cert: issued.cert, key: issued.key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
    });
    request.on('end', () => {
      const { request: asked } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
        request: { uid: string; object: RecordedPod };
      };
      pods.push(asked.object);
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          response: { uid: asked.uid, allowed: true },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await cluster.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'istio-sidecar-injector-recorder' },
    webhooks: [
      {
        name: 'recorder.istio.io',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        clientConfig: { url: `https://127.0.0.1:${port}/inject`, caBundle: Buffer.from(issued.ca).toString('base64') },
        namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      },
    ],
  });
  return {
    pods,
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
