import { connect } from 'node:net';
import { randomInt } from 'node:crypto';
import { createApp } from '../../src/app.ts';
import { readRefreshToken } from '../../src/core/refresh-token.ts';
import { baseOf, schemasOf, type Json } from '../contracts/as-published.ts';
import { register, type Registered } from '../contracts/oauth/registered.ts';
import { spawnEveryContract } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { connections, dumpAll, report, send, Tally, type Answer, config } from './call.ts';
import { contracts, EVERY_CONTRACT } from '../contracts/every-contract.ts';
import { BASE64URL, Dice, mutant } from './mutations.ts';
import { PLACES, type Place } from './places.ts';

const CASES = Number(process.env['FUZZ_CASES'] ?? 1_000_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
/** What a request costs decides how many there are: a token alone, a whole request, a connection. */
const [TOKENS, REQUESTS, CONNECTIONS] = [0.68, 0.3, 0.02].map((part) => Math.round(CASES * part)) as [
  number,
  number,
  number,
];
const AT_ONCE = 64;
const SAMPLES = ['abc123.def456', 'reused.def456', 'expired.def456'];
/** How long a connection may take to be answered and ended, in milliseconds. */
const HANG = 15_000;

interface Sent {
  readonly place: Place;
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload: string | undefined;
  /** Whether it is the place's own method and path, so that the document must know the answer. */
  readonly documented: boolean;
}

describe(`whoever tries their luck a million times (seed ${SEED})`, () => {
  afterAll(() => connections.destroy());
  const { database, service } = useService(
    { CONTRACTS: EVERY_CONTRACT, ALLOWED_ORIGINS: 'https://app.example.com' },
    { by: spawnEveryContract },
  );
  let client: Registered;
  /** Genuine tokens: live ones to be mutated, and ended ones to be sent as they are. */
  let live: string[];
  let ended: string[];
  let access: string;
  let before: string;

  beforeAll(async () => {
    console.log(`FUZZ_SEED=${SEED} FUZZ_CASES=${CASES}`);
    client = await register(service);
    const opened = [];
    for (let count = 0; count < 8; count++)
      opened.push(await service.open(count % 2 ? { clientId: client.id } : {}));
    access = opened[0]!.accessToken;
    live = opened.slice(0, 6).map(({ refreshToken }) => refreshToken);
    ended = opened.slice(6).map(({ refreshToken }) => refreshToken);
    for (const { session } of opened.slice(6)) await service.api('DELETE', `/sessions/${session.id}`);
    before = await dumpAll(database);
  });

  const unchanged = async (): Promise<void> => expect(await dumpAll(database)).toBe(before);

  test('makes no token that reads as one', () => {
    const dice = new Dice(SEED);
    const genuine = [...live, ...ended];
    const isGenuine = new Set(genuine);
    let same = 0;
    for (let count = 0; count < TOKENS; count++) {
      const text = mutant(dice.of(genuine), dice, genuine);
      if (isGenuine.has(text)) same++;
      else if (typeof readRefreshToken(text, config.refreshTokenKeys) !== 'string')
        throw new Error(`read as a token: ${JSON.stringify(text)}`);
    }
    report('mutated tokens, to the reader', TOKENS, `none read as genuine (${same} were the genuine again)`);
  });

  test('is let in by no request, and answered as the documents say', async () => {
    const dice = new Dice(SEED + 1);
    const judge = await judgeOf();
    const came = new Tally();
    const cases = new Cases(dice, client, live, ended, access, [...live, ...SAMPLES]);
    // What is left after each collection of garbage, in the first half and in the second.
    const heaps = [Infinity, Infinity];
    await manyAtOnce(REQUESTS, async (done) => {
      const sent = cases.next();
      const answer = await ask(sent);
      came.add(answer.status);
      const wrong = judge(sent, answer);
      if (wrong) throw new Error(`${wrong}\n${JSON.stringify({ sent, answer }, null, 1)}`);
      if (done % 3_000 > 0) return;
      const half = done < REQUESTS / 2 ? 0 : 1;
      heaps[half] = Math.min(heaps[half]!, await heapUsed());
      await unchanged();
    });
    await unchanged();
    const growth = (heaps[1]! - heaps[0]!) / 2 ** 20;
    report('mutated requests', REQUESTS, `${came.toString()}; the heap grew by ${growth.toFixed(1)} MB`);
    expect(growth).toBeLessThan(48);
  });

  test('is let in by no bytes, and no connection hangs', async () => {
    const dice = new Dice(SEED + 2);
    // A byte that is wrong makes a dry run a real one.
    const cases = new Cases(dice, client, live, ended, access, SAMPLES);
    const came = new Tally();
    const { port } = new URL(service.url);
    await manyAtOnce(CONNECTIONS, async () => {
      const bytes = garbled(cases.next(), dice);
      const text = await exchange(Number(port), bytes);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 'closed';
      came.add(status);
      const isDry = /^dry-run: true/im.test(text);
      if (status.startsWith('5') || (!isDry && /"access_?token":|rt1_/i.test(text)))
        throw new Error(`${text}\n${JSON.stringify(bytes.toString('latin1'))}`);
    });
    await unchanged();
    report('garbled connections', CONNECTIONS, came.toString());
  });

  test('leaves a service that lets honest users in', async () => {
    expect((await service.refresh(live[0]!)).status).toBe(200);
  });

  function ask({ method, url, headers, payload }: Sent): Promise<Answer> {
    return send(service.url, { method, path: url, headers, ...(payload !== undefined && { body: payload }) });
  }

  async function heapUsed(): Promise<number> {
    const metrics = await (await service.api('GET', '/metrics')).text();
    return Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(metrics)![1]);
  }
});

/** Does `work` so many times, several at once. */
async function manyAtOnce(times: number, work: (done: number) => Promise<void>): Promise<void> {
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < times) await work(begun++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Makes requests: each right in most things, and wrong in some. */
class Cases {
  private made = 0;

  constructor(
    private readonly dice: Dice,
    private readonly client: Registered,
    private readonly live: readonly string[],
    private readonly ended: readonly string[],
    private readonly access: string,
    /** What dry runs may be asked for. */
    private readonly forDryRuns: readonly string[],
  ) {}

  next(): Sent {
    const { dice } = this;
    const place = dice.of(PLACES);
    const own = !dice.oneIn(8);
    const dry = !place.isForm && dice.oneIn(6);
    const url = own ? place.path : this.path(place.path);
    const query = dry ? '?dryRun=true' : dice.oneIn(4) ? this.query() : '';
    const method =
      own || dice.oneIn(2) ? place.method : dice.of(['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);
    const token = dry && dice.oneIn(2) ? dice.of(this.forDryRuns) : this.token();
    const headers: Record<string, string> = { 'x-request-id': `fuzz-${this.made++}` };
    if (dice.oneIn(2)) headers['cookie'] = this.cookies(token);
    for (let more = dice.below(4); more > 0; more--) {
      const [name, value] = this.header();
      headers[name] = value;
    }
    let payload = method === 'GET' || method === 'HEAD' ? undefined : this.payload(place, token, headers);
    // What was made of a mutant may be what the mutant was made of.
    if (!dry && this.live.some((genuine) => payload?.includes(genuine))) payload = undefined;
    return {
      place,
      method,
      url: url + query,
      headers,
      payload,
      documented: own && method === place.method,
    };
  }

  /** Never a live token as it is: what is let in must be so by mistake. */
  private token(): string {
    const { dice } = this;
    if (dice.oneIn(5)) return dice.of(this.ended);
    if (dice.oneIn(8)) return mutant(this.access, dice, [this.access]);
    if (dice.oneIn(8))
      return dice.of(['abc123.def456', '', 'null', 'undefined', '[object Object]', 'j:{"a":1}', '%00']);
    for (;;) {
      const text = mutant(dice.of(this.live), dice, this.live);
      // Cookies and forms may be trimmed or unescaped on their way.
      if (!this.live.some((token) => text.includes(token))) return text;
    }
  }

  private path(path: string): string {
    const { dice } = this;
    const place = 1 + dice.below(path.length - 1);
    const escaped = `%${path.charCodeAt(place).toString(16)}`;
    return dice.of([
      path.slice(0, place) + escaped + path.slice(place + 1),
      `${path}/`,
      `/${path}`,
      `${path}%00`,
      `${path}%`,
      `${path};a=b`,
      path.toUpperCase(),
      `${path}/../refresh`,
      `${path}/__proto__`,
      `/${dice.text(dice.below(300), BASE64URL + '/%.')}`,
    ]);
  }

  private query(): string {
    const { dice } = this;
    const token = encodeURIComponent(dice.of(this.ended));
    const words = [
      'dryRun=True',
      'dryRun=1',
      'dryRun=false',
      'dryRun[]=true',
      'dryRun=true&dryRun=false',
      '__proto__[dryRun]=true',
    ];
    const more = [
      `refreshToken=${token}`,
      `token=${token}`,
      `access_token=${token}`,
      '%',
      '%00',
      '&&==',
      'a[b][c]=d',
    ];
    return `?${dice.of([...words, ...more, dice.text(dice.below(80), BASE64URL + '&=%[]')])}`;
  }

  private cookies(token: string): string {
    const { dice } = this;
    const name = dice.of([
      'refresh_token',
      'refreshToken',
      '__Host-refresh_token',
      'REFRESH_TOKEN',
      '__proto__',
      'accessToken',
    ]);
    const value = dice.of([
      token,
      `"${token}"`,
      encodeURIComponent(wellFormed(token)),
      `j:"${token}"`,
      's:x',
      '%E0%A4%A',
      '',
    ]);
    const pair = `${name}=${value}`;
    const header = dice.oneIn(6)
      ? `${pair}; ${name}=${this.token()}`
      : dice.oneIn(6)
        ? `a=b;;${pair};=`
        : pair;
    // A header is of bytes; what no client can send, none need be refused for.
    return header.replace(/[^\x20-\x7e\x80-\xff]/g, '?');
  }

  private header(): [string, string] {
    const { dice } = this;
    const clean = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');
    const headers: readonly (() => [string, string])[] = [
      () => [
        'origin',
        dice.of(['null', 'https://app.example.com', 'https://evil.example', 'http://localhost', '', '*']),
      ],
      () => ['sec-fetch-site', dice.of(['same-origin', 'cross-site', 'none', 'same-site', 'nonsense'])],
      () => [
        'authorization',
        clean(dice.of(['Bearer ', 'bearer  ', 'Basic ', 'Basic Og==', 'Digest ', '']) + this.token()),
      ],
      () => [
        'authorization',
        `Basic ${Buffer.from(dice.of([`${this.client.id}:${this.client.secret!}`, ':', '%00:%00', `${this.client.id}:x`, '%zz:%'])).toString('base64')}`,
      ],
      () => ['x-access-token', clean(dice.of([this.access, this.token(), '__proto__', '']))],
      () => ['x-access-token-type', dice.of(['cookie', 'header', 'Cookie', ''])],
      () => [
        'dpop',
        clean(dice.of([this.token(), this.access, `${this.access},${this.access}`, 'e30.e30.', ''])),
      ],
      () => ['x-request-id', clean(dice.of(['a', 'a b', 'x'.repeat(65)]))],
      () => ['x-forwarded-for', dice.of(['1.1.1.1', 'x', '::1, 2.2.2.2', ''])],
      () => ['x-http-method-override', dice.of(['DELETE', 'GET', 'PATCH'])],
      () => ['accept', dice.of(['text/html', '*/*;q=0', 'nonsense'])],
      () => ['host', dice.of(['evil.example', 'localhost:1', 'a b', ''])],
      () => ['accept-encoding', 'gzip, br;q=9'],
    ];
    return dice.of(headers)();
  }

  private payload(place: Place, token: string, headers: Record<string, string>): string | undefined {
    const { dice } = this;
    if (dice.oneIn(10)) return undefined;
    const usual = place.isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const odd = [
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/json; charset=utf-16',
      'application/JSON',
      '',
      'application/json, text/plain',
      `${usual};`,
      'application/vnd.api+json',
      'a'.repeat(300),
    ];
    if (!dice.oneIn(20)) headers['content-type'] = dice.oneIn(8) ? dice.of(odd) : usual;
    const text = place.isForm ? this.formBody(token) : this.jsonBody(token);
    return dice.oneIn(6) ? mutant(text, dice, [text]) : text;
  }

  private formBody(token: string): string {
    const { dice, client } = this;
    const fields = new URLSearchParams({ grant_type: 'refresh_token' });
    fields.set(dice.of(['refresh_token', 'token', 'token']), wellFormed(token));
    fields.set('refresh_token', wellFormed(token));
    fields.set(
      'client_id',
      dice.of([client.id, client.id, 'nobody', '\0', '__proto__', "' OR 1=1 --", 'x'.repeat(300)]),
    );
    if (dice.oneIn(3)) fields.set('client_secret', dice.of([client.secret!, '', '\0', 'x']));
    if (dice.oneIn(5)) fields.set('scope', dice.of(['', 'read', '\0', 'a  b', 'x'.repeat(3000), '"']));
    if (dice.oneIn(8))
      fields.set(
        'client_assertion',
        dice.of([this.access, 'e30.e30.', 'e30.eyJzdWIiOiJcdTAwMDAifQ.', 'x', 'e30.eyJzdWIiOlsxXX0.']),
      );
    if (dice.oneIn(8))
      fields.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    if (dice.oneIn(12))
      fields.append(dice.of(['client_id', 'token', 'grant_type', '__proto__']), wellFormed(token));
    if (dice.oneIn(20)) fields.set('grant_type', dice.of(['', 'password', '\0', 'refresh_token ']));
    if (dice.oneIn(40)) fields.set('filling', 'x'.repeat(dice.below(20_000)));
    return fields.toString();
  }

  private jsonBody(token: string): string {
    const { dice } = this;
    const text = JSON.stringify(token);
    if (dice.oneIn(2)) return `{"refreshToken":${text}}`;
    return dice.of([
      () => `{"refreshToken":[${text}]}`,
      () => `{"refreshToken":{"toString":${text},"length":82}}`,
      () => dice.of(['null', '[]', '1', '""', 'true', '{}', '', ' ', '{', '\ufeff{}', '-0', '1e999', '[[]]']),
      () =>
        `{"refreshToken":${dice.of(['null', '0', 'true', '1e999', '-1', '[]', '{}', '""', '"\\u0000"', '"\\ud800"'])}}`,
      () => `{"refreshToken":${text},"refreshToken":${JSON.stringify(this.token())}}`,
      () => `{"__proto__":{"refreshToken":${text}}}`,
      () => `{"constructor":{"prototype":{"refreshToken":${text}}}}`,
      () => `{"refreshToken":${text},"dryRun":true,"generation":99,"sessionId":"x"}`,
      () => `{"RefreshToken":${text},"refresh_token":${text}}`,
      () => `${'['.repeat(1 + dice.below(60))}${text}${']'.repeat(1 + dice.below(60))}`,
      () => `{"a":${'{"a":'.repeat(dice.below(40))}1${'}'.repeat(40)}`,
      () => `{"refreshToken":"${'x'.repeat(dice.below(20_000))}"}`,
      () => `{"${dice.text(dice.below(50), BASE64URL)}":${text}}`,
    ])();
  }
}

/** What has no UTF-8 becomes what stands for it, as on any wire. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** Says what is wrong with an answer, if anything is. */
async function judgeOf(): Promise<(sent: Sent, answer: Answer) => string | undefined> {
  const { documents } = await createApp(config, contracts);
  const schemas = new Map<string, ReturnType<typeof schemasOf>>();
  const documentOf = (contract: string): Json =>
    documents.find(({ name }) => name === contract)!.document as unknown as Json;
  return ({ place, documented, method, url, headers: asked }, { status, headers, text }) => {
    if (status >= 500) return 'an error of ours';
    const id = asked['x-request-id'] ?? '';
    if (id.startsWith('fuzz-') && headers['x-request-id'] !== id) return 'the answer to another request';
    const isDry = headers['dry-run'] === 'true';
    if (place.refreshes && status < 300 && method === 'POST' && !isDry) return 'let in';
    if (isDry && headers['set-cookie'] !== undefined) return 'a cookie from a dry run';
    if (documented && headers['cache-control'] !== 'no-store' && place.method === 'POST')
      return 'may be kept';
    // Its own request id is given back to whoever sends one.
    const said = text.replaceAll(id.trim() || '-', '');
    if (/rt1_|eyJ/.test(said) && !isDry) return 'a token in an answer';
    if (!documented)
      return status < 300 &&
        place.method === 'POST' &&
        method === 'POST' &&
        !isDry &&
        !/logout|oauth|%/.test(url)
        ? 'let in by the wrong way'
        : undefined;
    const document = documentOf(place.contract);
    const path = place.path.slice(baseOf(document).length);
    const operation = (
      document['paths'] as Record<
        string,
        Record<string, { responses: Record<string, { content?: unknown }> }>
      >
    )[path]![place.method.toLowerCase()]!;
    const response = operation.responses[String(status)];
    if (!response) return `status ${status} is not documented`;
    if (!response.content) return text === '' ? undefined : 'a body where none is documented';
    if (place.method === 'GET') return undefined;
    const key = `${place.contract} ${path}`;
    const check = schemas.get(key) ?? schemasOf(document, path);
    schemas.set(key, check);
    const body = JSON.parse(text) as object;
    // In cookie mode, the contract says beside its schema, the body has no tokens.
    const inCookies =
      place.contract === 'nest-auth' && asked['x-access-token-type'] === 'cookie' && status === 200;
    const flaws = check(String(status), inCookies ? { accessToken: '', refreshToken: '', ...body } : body);
    return flaws.length > 0 ? `not as documented: ${JSON.stringify(flaws)}` : undefined;
  };
}

/** A request as bytes, some of them wrong. */
function garbled({ method, url, headers, payload = '' }: Sent, dice: Dice): Buffer {
  const clean = (text: string): string => text.replace(/[\r\n]/g, '');
  const target = clean(dice.oneIn(6) ? `http://evil.example${url}` : url) || '/';
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) =>
    clean(`${name}: ${value}`),
  );
  const length = Buffer.byteLength(payload) + (dice.oneIn(8) ? dice.below(5) - 2 : 0);
  if (payload) lines.push(dice.oneIn(10) ? 'transfer-encoding: chunked' : `content-length: ${length}`);
  if (dice.oneIn(20))
    lines.push(
      dice.of([
        'content-length: 3',
        'transfer-encoding: x',
        'expect: 100-continue',
        `x: ${'y'.repeat(20_000)}`,
        ' folded',
        'upgrade: h2c\r\nconnection: upgrade',
      ]),
    );
  const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${payload}`);
  for (let wrong = dice.below(4); wrong > 0; wrong--) bytes[dice.below(bytes.length)] = dice.below(256);
  return dice.oneIn(10) ? bytes.subarray(0, dice.below(bytes.length)) : bytes;
}

/** Sends bytes and no more, and gives what comes back before the connection ends. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(bytes));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.setTimeout(HANG, () => reject(new Error(`no end to ${JSON.stringify(bytes.toString('latin1'))}`)));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.on('end', () => socket.destroy());
  });
}
