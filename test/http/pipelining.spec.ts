import { Pipe, requestBytes } from '../support/pipe.ts';
import { useService } from '../support/use-service.ts';

const UPGRADE = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' };

describe('a proxy that sends the requests of several users over one connection', () => {
  const { database, service } = useService({ CONTRACTS: 'plec,oauth' });
  const pipes: Pipe[] = [];

  afterEach(() => {
    for (const pipe of pipes.splice(0)) pipe.close();
  });

  async function open(): Promise<Pipe> {
    const pipe = await Pipe.to(service.url);
    pipes.push(pipe);
    return pipe;
  }

  const refresh = (refreshToken: string, headers: Record<string, string> = {}): string =>
    requestBytes(
      'POST',
      '/auth/refresh',
      { 'content-type': 'application/json', ...headers },
      JSON.stringify({ refreshToken }),
    );

  test('hands no one another’s tokens after a request to upgrade', async () => {
    const { refreshToken } = await service.open();
    const pipe = await open();
    pipe.write(requestBytes('GET', '/health/live', UPGRADE), refresh('malformed'));
    await pipe.until(1);
    // Whatever comes now, its answer would be taken for that of the second.
    pipe.write(refresh(refreshToken));
    await pipe.ended;
    expect(pipe.answers.map(({ status }) => status)).toEqual([200]);
    expect((await service.refresh(refreshToken)).status).toBe(200);
  });

  test.each([
    ['GET', '/health/live', 200],
    ['GET', '/docs', 200],
    ['GET', '/docs/plec.json', 200],
    ['GET', '/.well-known/jwks.json', 200],
    ['GET', '/none', 404],
    ['PUT', '/auth/refresh', 405],
    ['POST', '/auth/refresh', 401],
    ['POST', '/oauth/token', 400],
    ['POST', '/oauth/none', 404],
    ['POST', '/auth/%E0%A4%A', 400],
    ['GET', '/sessions', 401],
    ['OPTIONS', '/auth/refresh', 405],
  ])(
    'is told that the connection ends by the answer to %s %s with an Upgrade',
    async (method, path, status) => {
      for (const more of [{}, { expect: '100-continue' }, { expect: 'nonsense' }, pad(1_200)]) {
        const pipe = await open();
        pipe.write(requestBytes(method, path, { ...more, ...UPGRADE }));
        await pipe.ended;
        expect(pipe.answers).toMatchObject([{ status, headers: { connection: 'close' } }]);
      }
    },
  );

  test('reads an odd Expect as none, and answers with the id of the request', async () => {
    const pipe = await open();
    pipe.write(
      refresh('x', { expect: 'nonsense', 'x-request-id': 'mine' }),
      refresh('y', { 'x-request-id': 'yours' }),
    );
    const answers = await pipe.until(2);
    expect(answers.map(({ status, headers }) => [status, headers['x-request-id']])).toEqual([
      [401, 'mine'],
      [401, 'yours'],
    ]);
  });

  test('is sent nothing in the place of an answer that is still being made', async () => {
    const { refreshToken, session } = await service.open();
    const other = await database.connect();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM public.sessions WHERE id = $1 FOR UPDATE', [session.id]);
    const pipe = await open();
    pipe.write(refresh(refreshToken), 'garbage\r\n\r\n');
    await pipe.ended;
    await other.query('ROLLBACK');
    await other.end();
    expect(pipe.answers).toEqual([]);
    // To the client it is a lost answer, and it asks again.
    expect((await service.refresh(refreshToken)).status).toBe(200);
  });

  test('is told of garbage that follows an answer', async () => {
    const pipe = await open();
    pipe.write(refresh('x'));
    await pipe.until(1);
    pipe.write('garbage\r\n\r\n');
    await pipe.ended;
    expect(pipe.answers.map(({ status }) => status)).toEqual([401, 400]);
  });

  test('is told of a body that breaks off the rules', async () => {
    const pipe = await open();
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    pipe.write(`${requestBytes('POST', '/auth/refresh', headers)}nonsense\r\n`);
    await pipe.ended;
    expect(pipe.answers).toMatchObject([
      { status: 400, text: expect.stringContaining('not valid HTTP') as string },
    ]);
  });
});

function pad(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`x${at}`, '']));
}
