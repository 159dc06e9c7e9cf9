import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RepositoryFacts {
  readonly files: number;
  readonly documents: number;
  readonly workloads: number;
  readonly bytes: number;
}

export interface TreeFacts extends RepositoryFacts {
  /** Absolute paths of the folders that nothing else names. */
  readonly roots: readonly string[];
}

/**
 * Writes a GitOps repository: of each five documents two are Deployments or StatefulSets, and the others the Service,
 * ConfigMap and ServiceAccount that go with them, in the proportions and the style of published applications.
 */
export function writeRepository(folder: string, files: number, documents: number): RepositoryFacts {
  const perFile = documents / files;
  let workloads = 0;
  let bytes = 0;
  for (let file = 0; file < files; file++) {
    const parts: string[] = [];
    for (let index = 0; index < perFile; index++) {
      const number = file * perFile + index;
      workloads += isWorkload(number) ? 1 : 0;
      parts.push(documentText(number));
    }
    const text = parts.join('---\n');
    bytes += Buffer.byteLength(text);
    writeFileSync(join(folder, `team-${String(file).padStart(3, '0')}.yaml`), text);
  }
  return { files, documents, workloads, bytes };
}

/**
 * Writes a GitOps repository of kustomize trees: for each root a base with its share of the documents in two files, and an
 * overlay with a namespace, a prefix and two patches.
 */
export function writeTrees(folder: string, roots: number, documents: number): TreeFacts {
  const perRoot = documents / roots;
  const overlays: string[] = [];
  let workloads = 0;
  let bytes = 0;
  const write = (path: string, text: string): void => {
    bytes += Buffer.byteLength(text);
    writeFileSync(path, text);
  };
  for (let root = 0; root < roots; root++) {
    const app = join(folder, `app-${String(root).padStart(3, '0')}`);
    const [base, overlay] = [join(app, 'base'), join(app, 'live')];
    mkdirSync(base, { recursive: true });
    mkdirSync(overlay);
    const numbers = Array.from({ length: perRoot }, (_, index) => root * perRoot + index);
    const own = numbers.filter(isWorkload);
    workloads += own.length;
    write(join(base, 'workloads.yaml'), own.map(documentText).join('---\n'));
    write(
      join(base, 'others.yaml'),
      numbers
        .filter((each) => !isWorkload(each))
        .map(documentText)
        .join('---\n'),
    );
    write(join(base, 'kustomization.yaml'), 'resources:\n  - workloads.yaml\n  - others.yaml\n');
    const [first = 0] = own;
    write(
      join(overlay, 'kustomization.yaml'),
      `namespace: live-${root}\nnamePrefix: live-\nresources:\n  - ../base\npatches:\n  - path: grace.yaml\n    target: {kind: Deployment, name: app-${first}}\n  - target: {kind: StatefulSet}\n    patch: |-\n      - op: add\n        path: /spec/replicas\n        value: 4\n`,
    );
    write(
      join(overlay, 'grace.yaml'),
      `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-${first}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 75\n`,
    );
    overlays.push(overlay);
  }
  return { files: roots * 5, documents, workloads, bytes, roots: overlays };
}

function isWorkload(number: number): boolean {
  return number % 5 < 2;
}

function documentText(number: number): string {
  const writers = [deployment, statefulSet, service, configMap];
  return (writers[number % 5] ?? account)(number);
}

function header(number: number, kind: string, apiVersion: string): string {
  return `# Source: shop/templates/${kind.toLowerCase()}.yaml
apiVersion: ${apiVersion}
kind: ${kind}
metadata:
  name: app-${number}
  namespace: team-${number % 100}
  labels:
    app.kubernetes.io/name: app-${number}
    app.kubernetes.io/part-of: "shop"
    app.kubernetes.io/managed-by: Helm
`;
}

function podTemplate(number: number): string {
  const grace = number % 3 === 0 ? '      terminationGracePeriodSeconds: 5\n' : '';
  const annotation =
    number % 4 === 0
      ? `        proxy.istio.io/config: |
          # drains long enough for reports
          terminationDrainDuration: ${10 + (number % 50)}s
          proxyMetadata:
            ISTIO_META_DNS_CAPTURE: "true"
`
      : '';
  const hook =
    number % 6 === 0
      ? `        lifecycle:
          preStop:
            exec:
              command: ["sh", "-c", "sleep ${5 + (number % 10)}"]
`
      : '';
  return `  template:
    metadata:
      labels:
        app: app-${number}
        version: v${number % 7}
      annotations:
        prometheus.io/scrape: "true"
${annotation}    spec:
      serviceAccountName: app-${number}
${grace}      securityContext:
        fsGroup: 1000
        runAsNonRoot: true
      containers:
      - name: server
        image: registry.example.com/shop/app-${number}:v1.${number % 40}.0@sha256:0123456789abcdef0123456789abcdef
        ports:
        - containerPort: ${8000 + (number % 100)}
          name: http
${hook}        env:
        - name: PORT
          value: "${8000 + (number % 100)}"
        - name: DATABASE_URL
          valueFrom:
            secretKeyRef:
              name: app-${number}-db
              key: url
        # the catalog is optional
        - name: CATALOG_ADDRESS
          value: 'catalog.team-${number % 100}.svc.cluster.local:3550'
        resources:
          requests: {cpu: 100m, memory: 64Mi}
          limits:
            cpu: 200m
            memory: 128Mi
        readinessProbe:
          initialDelaySeconds: 10
          httpGet:
            path: "/healthz"
            port: http
        livenessProbe:
          initialDelaySeconds: 10
          httpGet:
            path: "/healthz"
            port: http
`;
}

function deployment(number: number): string {
  return `${header(number, 'Deployment', 'apps/v1')}spec:
  replicas: ${1 + (number % 4)}
  selector:
    matchLabels:
      app: app-${number}
${podTemplate(number)}`;
}

function statefulSet(number: number): string {
  return `${header(number, 'StatefulSet', 'apps/v1')}spec:
  serviceName: app-${number}
  replicas: ${1 + (number % 3)}
  selector:
    matchLabels:
      app: app-${number}
${podTemplate(number)}  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      resources:
        requests:
          storage: 10Gi
`;
}

function service(number: number): string {
  return `${header(number, 'Service', 'v1')}spec:
  type: ClusterIP
  selector:
    app: app-${number - 2}
  ports:
  - name: http
    port: 80
    targetPort: ${8000 + (number % 100)}
`;
}

function configMap(number: number): string {
  const lines = Array.from({ length: 12 }, (_, index) => `    feature.${index}.enabled = ${index % 2 === 0}`).join(
    '\n',
  );
  return `${header(number, 'ConfigMap', 'v1')}data:
  application.properties: |
    # generated
${lines}
  log-level: "info"
`;
}

function account(number: number): string {
  return `${header(number, 'ServiceAccount', 'v1')}automountServiceAccountToken: false
`;
}
