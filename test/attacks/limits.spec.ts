import { Cleanup } from '../../src/ops/cleanup.ts';
import type { TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';
import { connections, form, json, report, send, Tally, type Answer, type Call } from './call.ts';
import { EVERY_CONTRACT } from '../contracts/every-contract.ts';

const DOORS: readonly Call[] = [
  json('/auth/refresh', { refreshToken: 'x' }),
  json('/auth/logout', {}),
  { path: '/watchr/auth/refresh' },
  json('/auth/refresh-token', { refreshToken: 'x' }),
  json('/v1/auth/refresh', { refreshToken: 'x' }),
  json('/api/v1/auth/refresh-token', { refreshToken: 'x' }),
  form('/oauth/token', { grant_type: 'refresh_token' }),
  form('/oauth/revoke', { token: 'x' }),
  form('/oauth/introspect', { token: 'x' }),
  { path: '/.well-known/oauth-authorization-server', method: 'GET' },
];

describe('a flood', () => {
  afterAll(() => connections.destroy());
  const bed = useDatabase();
  const start = (settings: Record<string, string>): Promise<TestService> =>
    bed.start({ CONTRACTS: EVERY_CONTRACT, ...settings });
  const from = (call: Call, address: string): Call => ({
    ...call,
    headers: { ...call.headers, 'x-forwarded-for': address },
  });
  const expectLimited = ({ status, headers }: Answer, limit: number): void => {
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(headers['ratelimit-limit']).toBe(String(limit));
    expect(headers['ratelimit-remaining']).toBe('0');
    expect(headers['ratelimit-reset']).toBe(headers['retry-after']);
  };

  test.each(DOORS)('at $path is told to wait, and how long', async (door) => {
    const service = await start({ RATE_LIMIT_PER_ADDRESS: '20' });
    const answers: Answer[] = [];
    for (let count = 0; count < 40; count++) answers.push(await send(service.url, door));
    expect(answers.slice(0, 20).filter(({ status }) => status === 429)).toEqual([]);
    expect(answers.slice(0, 20).map(({ headers }) => headers['ratelimit-remaining'])).toEqual(
      Array.from({ length: 20 }, (_, count) => String(19 - count)),
    );
    for (const answer of answers.slice(20)) expectLimited(answer, 20);
    report(`a flood at ${door.path}`, answers.length, '20 answered, 20 × 429 with Retry-After and RateLimit');
  });

  test('under names of its own invention is still one address', async () => {
    const service = await start({ RATE_LIMIT_PER_ADDRESS: '20' });
    const came = new Tally();
    for (let count = 0; count < 200; count++) {
      const address = `10.1.${count}.7`;
      const forged = { ...from(DOORS[0]!, address) };
      const headers = {
        ...forged.headers,
        forwarded: `for=${address}`,
        'x-real-ip': address,
        'client-ip': address,
      };
      came.add((await send(service.url, { ...forged, headers })).status);
    }
    expect([came.of(401), came.of(429)]).toEqual([20, 180]);
    report('forged X-Forwarded-For, no proxy trusted', 200, came.toString());
  });

  test('behind one trusted hop is counted by what the proxy wrote, not by what it was told', async () => {
    const service = await start({ RATE_LIMIT_PER_ADDRESS: '20', TRUST_PROXY: '1' });
    const came = new Tally();
    for (let count = 0; count < 200; count++)
      came.add((await send(service.url, from(DOORS[0]!, `10.2.${count}.7, 198.51.100.9`))).status);
    expect([came.of(401), came.of(429)]).toEqual([20, 180]);
    const other = await send(service.url, from(DOORS[0]!, '198.51.100.9, 203.0.113.5'));
    expect([other.status, other.headers['ratelimit-remaining']]).toEqual([401, '19']);
    report(
      'forged first entries before a trusted proxy’s',
      200,
      `${came.toString()}; another address was answered`,
    );
  });

  test('from one address, or all of one network, locks nobody else out', async () => {
    const service = await start({ RATE_LIMIT_PER_ADDRESS: '20', TRUST_PROXY: 'loopback' });
    const { refreshToken } = await service.open();
    const came = new Tally();
    for (let count = 0; count < 300; count++)
      came.add((await send(service.url, from(DOORS[0]!, `2001:db8:0:1::${count.toString(16)}`))).status);
    expect(came.of(429)).toBe(280);
    const honest = await send(service.url, from(json('/auth/refresh', { refreshToken }), '2001:db8:0:2::1'));
    expect(honest.status).toBe(200);
    for (let count = 0; count < 50; count++)
      came.add((await send(service.url, from(DOORS[0]!, '::ffff:192.0.2.1'))).status);
    const sameAddress = await send(service.url, from(DOORS[0]!, '192.0.2.1'));
    expect(sameAddress.status).toBe(429);
    expect((await send(service.url, from(DOORS[0]!, '192.0.2.2'))).status).toBe(401);
    report('floods of one address or network', 350, `${came.toString()}; others were let in`);
  });

  test('for one session is held up from wherever it comes, and no other session is', async () => {
    const service = await start({ RATE_LIMIT_PER_SESSION: '10', TRUST_PROXY: 'loopback' });
    const [busy, calm] = [await service.open(), await service.open()];
    const came = new Tally();
    for (let count = 0; count < 60; count++) {
      const call = from(json('/auth/refresh', { refreshToken: busy.refreshToken }), `10.3.0.${count}`);
      const { status, headers } = await send(service.url, call);
      came.add(status);
      if (status === 429) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect([came.of(200), came.of(429)]).toEqual([10, 50]);
    expect((await send(service.url, json('/auth/refresh', { refreshToken: calm.refreshToken }))).status).toBe(
      200,
    );
    // A forged token names no session, so it can use up no session's share.
    for (let count = 0; count < 60; count++) {
      const forged = `${calm.refreshToken.slice(0, -1)}${calm.refreshToken.endsWith('A') ? 'B' : 'A'}`;
      expect((await send(service.url, json('/auth/refresh', { refreshToken: forged }))).status).toBe(401);
    }
    expect((await send(service.url, json('/auth/refresh', { refreshToken: calm.refreshToken }))).status).toBe(
      200,
    );
    report(
      'a flood for one session, and forgeries of another',
      120,
      `${came.toString()}; the other session was let in`,
    );
  });

  describe('where replicas share what they count', () => {
    const shared = {
      RATE_LIMIT_STORE: 'postgresql',
      RATE_LIMIT_PER_ADDRESS: '20',
      RATE_LIMIT_PER_SESSION: '10',
    };
    const door = DOORS[0]!;

    /** What `count` requests are told, at either replica in turn. */
    async function flood(replicas: readonly TestService[], call: Call, count: number): Promise<Answer[]> {
      const answers: Answer[] = [];
      for (let at = 0; at < count; at++) answers.push(await send(replicas[at % 2]!.url, call));
      return answers;
    }

    beforeEach(() => bed.database.query('TRUNCATE rate_counts'));

    test('that comes to two of them is counted as one, until its minute is over', async () => {
      const replicas = await Promise.all([start(shared), start(shared)]);
      const answers = await flood(replicas, door, 30);
      expect(answers.slice(0, 20).map(({ headers }) => headers['ratelimit-remaining'])).toEqual(
        Array.from({ length: 20 }, (_, count) => String(19 - count)),
      );
      expect(answers.slice(0, 20).filter(({ status }) => status === 429)).toEqual([]);
      for (const answer of answers.slice(20)) expectLimited(answer, 20);
      await bed.database.advance(60_000);
      const [next] = await flood(replicas, door, 1);
      expect([next!.status, next!.headers['ratelimit-remaining']]).toEqual([401, '19']);
      await bed.database.advance(60_000);
      await replicas[0].app!.nest.get(Cleanup).forgetCounts();
      expect(await bed.database.query('SELECT FROM public.rate_counts')).toEqual([]);
      report('a flood split over two replicas', 30, '20 answered, 10 × 429');
    });

    test('and for one session, too', async () => {
      const replicas = await Promise.all([0, 1].map(() => start({ ...shared, RATE_LIMIT_PER_ADDRESS: '0' })));
      const { refreshToken } = await replicas[0]!.open();
      const answers = await flood(replicas, json('/auth/refresh', { refreshToken }), 16);
      expect(answers.map(({ status }) => status)).toEqual([
        ...Array<number>(10).fill(200),
        ...Array<number>(6).fill(429),
      ]);
    });

    test('each counts by itself while the shared counts are not to be had', async () => {
      const replicas = await Promise.all([start(shared), start(shared)]);
      const somebody = await bed.database.connect();
      await somebody.query('BEGIN');
      await somebody.query('LOCK TABLE rate_counts');
      const since = performance.now();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) => send(replicas[at % 2]!.url, door)),
      );
      expect(performance.now() - since).toBeLessThan(1_500);
      await somebody.query('ROLLBACK');
      await somebody.end();
      const statuses = answers.map(({ status }) => status);
      expect([401, 429].map((each) => statuses.filter((status) => status === each).length)).toEqual([40, 10]);
    });
  });
});
