import { once } from 'node:events';
import { EVERY_CONTRACT, frontends } from '../contracts/every-contract.ts';
import { STORIES } from '../contracts/stories.ts';
import { AnIssuer } from '../moving/an-issuer.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { freePort } from '../support/postgres.ts';
import { sendRaw } from '../support/raw-http.ts';
import { SERVICE_KEY, spawnEveryContract, spawnService, type TestService } from '../support/service.ts';
import { useDatabase, type TestBed } from '../support/use-service.ts';
import { waitUntil } from '../support/wait-until.ts';

type Line = Readonly<Record<string, unknown>>;

const SPAN = 'b7ad6b7169203331';
const COMPLAINT = 'tracing is not as it should be';
let traces = 0;

/** A trace of its own, and the header of a request that is part of it. */
function aTrace(flags = '01'): { traceId: string; headers: Record<string, string> } {
  const traceId = (++traces).toString(16).padStart(32, 'a');
  return { traceId, headers: { traceparent: `00-${traceId}-${SPAN}-${flags}` } };
}

/** Starts the built service, and follows its log. */
async function startLogged(
  start: TestBed['start'],
  settings: Record<string, string> = {},
  by: (settings: Record<string, string>) => Promise<TestService> = spawnService,
): Promise<{ service: TestService; lines: () => Line[]; requests: () => Line[] }> {
  const service = await start(settings, by);
  let log = '';
  for (const stream of [service.process!.stdout!, service.process!.stderr!])
    stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const lines = (): Line[] =>
    log
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line);
  return { service, lines, requests: () => lines().filter(({ msg }) => msg === 'request') };
}

/** Settings with which an issuer of before is asked. */
const issuerSettings = (endpoint: string): Record<string, string> => ({
  LEGACY_TOKENS: 'issuer@2999-12-31',
  LEGACY_ISSUER_TOKEN_ENDPOINT: endpoint,
  LEGACY_ISSUER_CLIENT_ID: 'an-app',
});

describe('where no collector is named', () => {
  const { start } = useDatabase();
  const issuer = new AnIssuer();
  let service: TestService;
  let requests: () => Line[];
  beforeAll(async () => {
    ({ service, requests } = await startLogged(start, issuerSettings(await issuer.start())));
  });
  afterAll(() => issuer.stop());

  /** The log line of a request. */
  const logged = async (requestId: string): Promise<Line> => {
    const find = (): Line | undefined => requests().find((line) => line['requestId'] === requestId);
    await waitUntil(`the line of ${requestId}`, () => find() !== undefined);
    return find()!;
  };
  const refresh = (token: string, headers: Record<string, string>): Promise<Response> =>
    service.post('/auth/refresh', { refreshToken: token }, headers);

  test('the log line of a request names the trace and the span that it came of', async () => {
    const { traceId, headers } = aTrace('00');
    const { refreshToken } = await service.open();
    await refresh(refreshToken, { ...headers, 'x-request-id': 'traced' });
    await refresh('garbage', { ...headers, 'x-request-id': 'refused' });
    await sendRaw(service.url, { path: '/%zz', headers: { ...headers, 'x-request-id': 'unread' } });
    for (const id of ['traced', 'refused', 'unread'])
      expect(await logged(id)).toMatchObject({ traceId, spanId: SPAN });
  });

  test.each([
    ['none', {}],
    ['an invalid one', { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01` }],
    ['another version of 00', { traceparent: `${aTrace().headers['traceparent']}-more` }],
  ])('that of a request with %s names no trace', async (what, headers: Record<string, string>) => {
    const id = what.replaceAll(' ', '-');
    await refresh('garbage', { ...headers, 'x-request-id': id });
    const line = await logged(id);
    expect(line).not.toHaveProperty('traceId');
    expect(line).not.toHaveProperty('spanId');
  });

  test('a trace is passed on to the issuer of before, and none where none came', async () => {
    const { headers } = aTrace('00');
    await refresh(issuer.signIn({ sub: 'ada' }), { ...headers, tracestate: 'rojo=1, congo=2' });
    expect(issuer.last!.headers).toMatchObject({ ...headers, tracestate: 'rojo=1,congo=2' });
    await refresh(issuer.signIn({ sub: 'ada' }), { traceparent: 'garbage', tracestate: 'rojo=1' });
    expect(issuer.last!.headers).not.toHaveProperty('traceparent');
    expect(issuer.last!.headers).not.toHaveProperty('tracestate');
    expect(issuer.asked).toBe(2);
  });

  test('nothing of OpenTelemetry is loaded but its API, of which prom-client makes use', async () => {
    const tells = `process.on('SIGUSR2', async () => { const { default: m } = await import('node:module');
      const all = Object.keys(m._cache).map((file) => /node_modules\\/(@opentelemetry\\/[^/]+)/.exec(file)?.[1]);
      console.log(JSON.stringify({ loaded: [...new Set(all.filter(Boolean))] })) })`;
    const args = [`--import=data:text/javascript,${encodeURIComponent(tells)}`, 'dist/main.js'];
    const loadedBy = async (settings: Record<string, string>): Promise<unknown> => {
      const by = (all: Record<string, string>): Promise<TestService> =>
        spawnService(all, [process.execPath, args]);
      const { service: told, lines } = await startLogged(start, settings, by);
      await told.refresh((await told.open()).refreshToken);
      told.process!.kill('SIGUSR2');
      const find = (): Line | undefined => lines().find((line) => 'loaded' in line);
      await waitUntil('it tells what it has loaded', () => find() !== undefined);
      return find()!['loaded'];
    };
    const collector = `http://127.0.0.1:${await freePort()}`;
    expect(await loadedBy({})).toEqual(['@opentelemetry/api']);
    expect(await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_SDK_DISABLED: 'true' })).toEqual([
      '@opentelemetry/api',
    ]);
    // What is looked for can be seen.
    expect(await loadedBy({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector}/v1/traces` })).toEqual(
      expect.arrayContaining(['@opentelemetry/sdk-trace-base', '@opentelemetry/exporter-trace-otlp-http']),
    );
  });
});

describe('where a collector is named', () => {
  const { database, start } = useDatabase();
  const receiver = new OtlpReceiver();
  const issuer = new AnIssuer();
  let endpoint: string;
  let service: TestService;
  let requests: () => Line[];
  const settings = (): Record<string, string> => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  beforeAll(async () => {
    endpoint = await receiver.start();
    ({ service, requests } = await startLogged(start, {
      ...settings(),
      ...issuerSettings(await issuer.start()),
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
    }));
  });
  afterAll(() => Promise.all([receiver.stop(), issuer.stop()]));

  const refresh = (token: string, headers: Record<string, string>, at = service): Promise<Response> =>
    at.post('/auth/refresh', { refreshToken: token }, headers);
  /** The spans of a trace, once a request's own, which ends last, is there: it and those below it. */
  const exported = async (traceId: string): Promise<[ReceivedSpan, ...ReceivedSpan[]]> => {
    await waitUntil(`trace ${traceId}`, () => receiver.of(traceId).some(({ kind }) => kind === 'server'));
    return receiver.of(traceId) as [ReceivedSpan, ...ReceivedSpan[]];
  };

  test('a refresh is a trace: the request, its statement and the signature, as part of the one that it came of', async () => {
    const { traceId, headers } = aTrace();
    const { refreshToken } = await service.open();
    expect((await refresh(refreshToken, { ...headers, tracestate: 'rojo=1' })).status).toBe(200);
    const [request, ...below] = await exported(traceId);
    expect(request).toMatchObject({
      name: 'POST /auth/refresh',
      kind: 'server',
      parentSpanId: SPAN,
      traceState: 'rojo=1',
      failed: false,
      resource: {
        'service.name': 'ratchet',
        'service.version': '0.1.0',
        'deployment.environment.name': 'staging',
      },
    });
    expect(request.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/auth/refresh',
      'http.response.status_code': 200,
      'url.scheme': 'http',
      'server.address': 'auth.example.com',
      'ratchet.contract': 'plec',
      'ratchet.outcome': 'rotate',
    });
    expect(below.map(({ name, kind, parentSpanId }) => [name, kind, parentSpanId])).toEqual([
      ['tryRotate sessions', 'client', request.spanId],
      ['sign access token', 'internal', request.spanId],
    ]);
    expect(below[0]!.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'tryRotate',
      'db.collection.name': 'sessions',
      'ratchet.statement.entries': 1,
      'ratchet.statement.queue_ms': expect.any(Number) as number,
    });
    for (const { start: begun, end } of below) {
      expect(begun).toBeGreaterThanOrEqual(request.start);
      expect(end).toBeGreaterThanOrEqual(begun);
      expect(end).toBeLessThanOrEqual(request.end);
    }
    expect(receiver.headers).toMatchObject({ 'x-tenant': 'acme', 'content-type': 'application/json' });
  });

  test('a request that came of none begins one, which its log line names', async () => {
    await refresh('garbage', { 'x-request-id': 'first' });
    await waitUntil('its line', () => requests().some(({ requestId }) => requestId === 'first'));
    const { traceId, spanId } = requests().find(({ requestId }) => requestId === 'first')!;
    const [request, ...below] = await exported(traceId as string);
    expect(request).toMatchObject({ spanId, parentSpanId: undefined, failed: false });
    expect(request.attributes).toMatchObject({
      'http.response.status_code': 401,
      'ratchet.outcome': 'refused',
      'ratchet.reason': 'malformed_token',
    });
    expect(below).toEqual([]);
  });

  test('one that was refused before its body came, or whose path is none, is one too', async () => {
    const [early, unknown] = [aTrace(), aTrace()];
    const head = { 'content-type': 'text/plain', ...early.headers };
    await sendRaw(service.url, { headers: head, body: 'x' });
    await sendRaw(service.url, { path: '/none/of-these?x=y', headers: unknown.headers });
    const [[refused], [lost]] = [await exported(early.traceId), await exported(unknown.traceId)];
    expect(refused).toMatchObject({ name: 'POST /auth/refresh', parentSpanId: SPAN });
    expect(refused.attributes['http.response.status_code']).toBe(415);
    expect(lost).toMatchObject({ name: 'POST', attributes: { 'http.response.status_code': 404 } });
    expect(lost.attributes).not.toHaveProperty('http.route');
  });

  test('requests that share a statement each have it in their trace, and know how many share it', async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => service.open()));
    const all = opened.map(({ refreshToken }) => ({ refreshToken, ...aTrace() }));
    await Promise.all(all.map(({ refreshToken, headers }) => refresh(refreshToken, headers)));
    const statements = await Promise.all(
      all.map(async ({ traceId }) => {
        const [request, statement] = await exported(traceId);
        expect(statement).toMatchObject({ name: 'tryRotate sessions', parentSpanId: request.spanId });
        return Number(statement!.attributes['ratchet.statement.entries']);
      }),
    );
    expect(Math.max(...statements)).toBeGreaterThan(1);
  });

  test('the issuer of before is asked in a span that it is told of', async () => {
    const { traceId, headers } = aTrace();
    await refresh(issuer.signIn({ sub: 'ada' }), { ...headers, tracestate: 'rojo=1' });
    const asked = (await exported(traceId)).find(({ name }) => name === 'POST')!;
    expect(asked).toMatchObject({
      kind: 'client',
      failed: false,
      attributes: {
        'http.request.method': 'POST',
        'server.address': '127.0.0.1',
        'http.response.status_code': 200,
      },
    });
    const traceparent = `00-${traceId}-${asked.spanId}-01`;
    expect(issuer.last!.headers).toMatchObject({ traceparent, tracestate: 'rojo=1' });

    const refused = aTrace();
    await refresh('eyJ.unknown-to-the-issuer.as-well', refused.headers);
    const no = (await exported(refused.traceId)).find(({ name }) => name === 'POST')!;
    expect(no).toMatchObject({ failed: true, attributes: { 'error.type': '403' } });
  });

  test('what is our fault is an error, of the request and of what it came of', async () => {
    const { traceId, headers } = aTrace();
    await database.query('ALTER TABLE public.sessions RENAME COLUMN scope TO scope_');
    await fetch(`${service.url}/sessions?subject=ada`, {
      headers: { authorization: `Bearer ${SERVICE_KEY}`, ...headers },
    });
    await database.query('ALTER TABLE public.sessions RENAME COLUMN scope_ TO scope');
    const [request, statement] = await exported(traceId);
    expect(request).toMatchObject({
      name: 'GET /sessions',
      failed: true,
      attributes: { 'http.response.status_code': 500, 'error.type': '500' },
    });
    expect(statement).toMatchObject({ name: 'list sessions', failed: true });
    expect(statement!.attributes['error.type']).toMatch(/^[A-Za-z0-9]+$/);
  });

  test('a trace that is not recorded by whoever began it is not here, and passed on as such', async () => {
    const [unrecorded, after] = [aTrace('00'), aTrace()];
    await refresh(issuer.signIn({ sub: 'ada' }), { ...unrecorded.headers, 'x-request-id': 'unrecorded' });
    expect(issuer.last!.headers['traceparent']).toMatch(new RegExp(`^00-${unrecorded.traceId}-.{16}-00$`));
    // What has ended before is exported before.
    await refresh('garbage', after.headers);
    await exported(after.traceId);
    expect(receiver.of(unrecorded.traceId)).toEqual([]);
    await waitUntil('its line', () => requests().some(({ requestId }) => requestId === 'unrecorded'));
    const line = requests().find(({ requestId }) => requestId === 'unrecorded');
    expect(line).toMatchObject({ traceId: unrecorded.traceId, spanId: SPAN });
  });

  test('health and metrics are traced only for who records a trace of asking', async () => {
    const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(service.url + path, { headers: { authorization: `Bearer ${SERVICE_KEY}`, ...headers } });
    const [asked, after] = [aTrace(), aTrace()];
    for (const path of ['/health/live', '/health/ready', '/metrics']) await ask(path);
    await ask('/health/live', aTrace('00').headers);
    await ask('/health/live', asked.headers);
    await refresh('garbage', after.headers);
    await exported(after.traceId);
    const routine = receiver.spans.filter(({ name }) => /health|metrics/.test(name));
    expect(routine.map(({ traceId, name }) => [traceId, name])).toEqual([
      [asked.traceId, 'GET /health/live'],
    ]);
  });

  test('the sampler is the one that the environment names', async () => {
    const none = await start({ ...settings(), OTEL_TRACES_SAMPLER: 'always_off' }, spawnService);
    const all = await start({ ...settings(), OTEL_TRACES_SAMPLER: 'always_on' }, spawnService);
    const [off, on] = [aTrace('01'), aTrace('00')];
    await refresh('garbage', off.headers, none);
    await none.stop();
    await refresh('garbage', on.headers, all);
    await exported(on.traceId);
    expect(receiver.of(off.traceId)).toEqual([]);
  });

  test('what is recorded is exported when the service ends', async () => {
    const ending = await start({ ...settings(), OTEL_BSP_SCHEDULE_DELAY: '3600000' }, spawnService);
    const { traceId, headers } = aTrace();
    await refresh((await ending.open()).refreshToken, headers, ending);
    expect(receiver.of(traceId)).toEqual([]);
    await ending.stop();
    expect(receiver.of(traceId)).toHaveLength(3);
  });

  test('each of several workers exports by itself', async () => {
    const several = await start({ ...settings(), WORKERS: '2', OTEL_SERVICE_NAME: 'several' }, spawnService);
    const instances = (): Set<unknown> =>
      new Set(
        receiver.spans
          .filter(({ resource }) => resource['service.name'] === 'several')
          .map(({ resource }) => resource['service.instance.id']),
      );
    const garbage = { connection: 'close' };
    await waitUntil('both have exported', async () => {
      await Promise.all(Array.from({ length: 8 }, () => refresh('garbage', garbage, several)));
      return instances().size === 2;
    });
  });
});

describe('whoever reads the traces', () => {
  const { database, start } = useDatabase();
  const receiver = new OtlpReceiver();
  const SUBJECT = 'a-person-of-whom-no-trace-may-speak';
  afterAll(() => receiver.stop());

  test('finds no token, no subject, no session and no address, whatever came by whichever contract', async () => {
    const service = await start(
      { OTEL_EXPORTER_OTLP_ENDPOINT: await receiver.start(), CONTRACTS: EVERY_CONTRACT },
      spawnEveryContract,
    );
    for (const [name, made] of Object.entries(await frontends(service))) {
      const frontend = { ...made, session: { ...made.session, subject: SUBJECT } };
      for (const tell of Object.values(STORIES)) await tell({ service, database, frontend });
      const { refreshToken, session } = await service.open(frontend.session);
      const asked = frontend.ask(refreshToken);
      await sendRaw(service.url, { ...asked, path: `${asked.path}?token=${refreshToken}` });
      await sendRaw(service.url, { ...asked, path: `${asked.path}/${refreshToken}` });
      await service.api('GET', `/sessions/${session.id}`);
      await service.api('GET', `/sessions?subject=${SUBJECT}`);
      await service.api('GET', `/sessions/${refreshToken}`);
      expect([name, session.subject]).toEqual([name, SUBJECT]);
    }
    const sessions = await database.query<{ id: string }>('SELECT id FROM public.sessions');
    await service.api('DELETE', `/sessions?subject=${SUBJECT}`);
    await service.stop();

    const contracts = new Set(receiver.spans.map(({ attributes }) => attributes['ratchet.contract']));
    for (const mount of EVERY_CONTRACT.split(',')) expect(contracts).toContain(mount.split('@')[0]);
    const secrets = [
      SUBJECT,
      SERVICE_KEY,
      '127.0.0.1',
      'abc123',
      'rt1_',
      'eyJ',
      ...sessions.map(({ id }) => id),
    ];
    expect(secrets.length).toBeGreaterThan(50);
    expect(secrets.filter((secret) => receiver.bytes.includes(secret))).toEqual([]);
  });
});

describe('where the collector does not answer', () => {
  const { start } = useDatabase();
  let receiver: OtlpReceiver;
  /** Settings with which it is waited for longer than a test may take. */
  let patient: Record<string, string>;
  beforeEach(async () => {
    receiver = new OtlpReceiver();
    receiver.silent = true;
    patient = {
      OTEL_EXPORTER_OTLP_ENDPOINT: await receiver.start(),
      OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
      OTEL_BSP_EXPORT_TIMEOUT: '600000',
    };
  });
  afterEach(() => receiver.stop());

  test('requests are answered, the log says so once, and the service ends', async () => {
    const { service, lines } = await startLogged(start, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      OTEL_BSP_SCHEDULE_DELAY: '20',
    });
    const lost = (): Line[] => lines().filter(({ msg }) => msg === COMPLAINT);
    let { refreshToken } = await service.open();
    let answered = 0;
    const refreshOnce = async (): Promise<void> => {
      const answer = await service.refresh(refreshToken);
      expect(answer.status).toBe(200);
      ({ refreshToken } = (await answer.json()) as { refreshToken: string });
      answered++;
    };
    await waitUntil('the log says so', async () => {
      await refreshOnce();
      return lost().length > 0;
    });
    for (const until = answered + 20; answered < until;) await refreshOnce();
    const exit = once(service.process!, 'exit');
    service.process!.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(lost()).toEqual([
      expect.objectContaining({ level: 'warn', why: expect.stringContaining('ECONNREFUSED') as string }),
    ]);
  });

  test('no more is kept for it than fits into its queue', async () => {
    const [most, requests] = [16, 100];
    const { service, lines } = await startLogged(start, {
      ...patient,
      OTEL_BSP_SCHEDULE_DELAY: '20',
      OTEL_BSP_MAX_QUEUE_SIZE: String(most),
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: String(most),
    });
    for (let asked = 0; asked < requests; asked++)
      expect((await service.refresh('garbage')).status).toBe(401);
    await waitUntil('some have come', () => receiver.spans.length > 0);
    const taken = receiver.spans.length;
    expect(taken).toBeLessThanOrEqual(most);
    receiver.speak();
    await waitUntil('what was kept comes', () => receiver.spans.length === taken + most);
    await service.refresh('garbage');
    await service.stop();
    expect(receiver.spans).toHaveLength(taken + most + 1);
    const lost = lines().filter(({ msg }) => msg === COMPLAINT);
    expect(lost.map(({ why }) => why)).toEqual([
      `Dropped ${requests - taken - most} spans because maxQueueSize reached`,
    ]);
  });

  test('the service ends without waiting for it', async () => {
    const service = await start(patient, spawnService);
    await service.refresh('garbage');
    const exit = once(service.process!, 'exit');
    service.process!.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(receiver.spans).toHaveLength(1);
  });
});
