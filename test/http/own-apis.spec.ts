import { readDocument, schemasOf, type Json } from '../contracts/as-published.ts';
import { SERVICE_KEY, type OpenedSession } from '../support/service.ts';
import { useService } from '../support/use-service.ts';

type Body = Record<string, unknown>;
interface Said {
  code: string;
  details?: Record<string, string[]>;
}

describe('who misspells a member or a parameter', () => {
  const { database, service } = useService({ CONTRACTS: 'plec,nest-auth,oauth' });
  const call = async (method: string, path: string, body?: unknown): Promise<[number, Said]> => {
    const answer = await service.api(method, path, body);
    return [answer.status, (await answer.json()) as Said];
  };

  test.each<[member: string, likely: string, method: string, path: string, ...body: Body[]]>([
    ['lifetime', 'lifetimes', 'POST', '/sessions', { subject: 'ada', lifetime: { max: 60 } }],
    ['clientID', 'clientId', 'POST', '/sessions', { subject: 'ada', clientID: 'web' }],
    ['client_id', 'clientId', 'POST', '/sessions', { subject: 'ada', client_id: 'web' }],
    ['claim', 'claims', 'POST', '/sessions', { subject: 'ada', claim: { role: 'user' } }],
    ['Subject', 'subject', 'POST', '/sessions', { Subject: 'ada' }],
    ['sub', 'subject', 'POST', '/sessions', { sub: 'ada' }],
    ['auth_time', 'authTime', 'POST', '/sessions', { subject: 'ada', auth_time: '2026-01-01T00:00:00Z' }],
    ['access_token', 'accessToken', 'POST', '/sessions', { subject: 'a', lifetimes: { access_token: 60 } }],
    [
      'mfaMethod',
      'mfaMethods',
      'POST',
      '/sessions',
      { subject: 'a', extras: { 'nest-auth': { mfaMethod: [] } } },
    ],
    ['refresh_token', 'refreshToken', 'POST', '/sessions/inspect', { refresh_token: 'abc123.def456' }],
    ['claim', 'claims', 'PATCH', '/sessions/00000000-0000-8000-8000-000000000000', { claim: {} }],
    ['expect', 'except', 'DELETE', '/sessions?subject=ada&expect=00000000-0000-8000-8000-000000000000'],
    ['limits', 'limit', 'GET', '/sessions?subject=ada&limits=5'],
    ['dpop_required', 'dpopRequired', 'POST', '/clients', { id: 'x', dpop_required: true }],
    ['idel', 'idle', 'POST', '/clients', { id: 'x', lifetimes: { idel: 60 } }],
    ['recoverywindow', 'recoveryWindow', 'PATCH', '/clients/x', { recoverywindow: 60 }],
  ])('as %s is told of %s, and nothing is done', async (member, likely, method, path, ...body) => {
    await service.open({ subject: 'ada' });
    const before = await database.dump();
    const [status, { code, details }] = await call(method, path, ...body);
    expect([status, code]).toEqual([400, 'BAD_REQUEST']);
    const said = Object.values(details!).flat().join();
    expect(said).toMatch(new RegExp(`${member} is not known; did you mean ([\\w-]+\\.)*${likely}\\?`));
    expect(await database.dump()).toBe(before);
  });

  test.each<[what: string, said: RegExp, method: string, path: string, ...body: Body[]]>([
    [
      'a member that is like none',
      /^lifetimes\.forever is not known; known are accessToken, idle, max$/,
      'POST',
      '/sessions',
      { subject: 'a', lifetimes: { forever: true } },
    ],
    [
      'the name of what every object has',
      /^constructor is not known; /,
      'POST',
      '/sessions',
      { subject: 'a', constructor: 1 },
    ],
    [
      'a parameter where none is known',
      /^dryRun is not known: this request takes no query$/,
      'POST',
      '/sessions?dryRun=true',
      { subject: 'a' },
    ],
    ['a dry run of an end', /^dryRun is not known/, 'DELETE', '/sessions?subject=ada&dryRun=true'],
    ['a prototype for a parameter', /^__proto__ is not known/, 'GET', '/clients?__proto__=1'],
    [
      'a body where none is read',
      /^except is not known: this request takes no body$/,
      'DELETE',
      '/sessions?subject=ada',
      { except: '00000000-0000-8000-8000-000000000000' },
    ],
    ['a parameter twice', /^subject was sent more than once$/, 'GET', '/sessions?subject=ada&subject=bob'],
    [
      'a change that no change makes',
      /^authMethod is not known; known are name, /,
      'PATCH',
      '/clients/x',
      { authMethod: 'none' },
    ],
  ])('or sends %s is told, and nothing is done', async (_what, sentence, method, path, ...body) => {
    await service.open({ subject: 'ada' });
    const before = await database.dump();
    const [status, { code, details }] = await call(method, path, ...body);
    expect([status, code, Object.values(details!).flat()]).toEqual([
      400,
      'BAD_REQUEST',
      expect.arrayContaining([expect.stringMatching(sentence)]),
    ]);
    expect(await database.dump()).toBe(before);
  });

  test('may still call claims as they like', async () => {
    const claims = { subject: 'x', clientID: 'y', nested: { lifetime: 1 } };
    const { session } = await service.open({ claims });
    expect((await (await service.api('GET', `/sessions/${session.id}`)).json()) as Body).toMatchObject({
      claims,
    });
  });

  test('is not told without a service key', async () => {
    expect((await service.post('/sessions', { Subject: 'ada' })).status).toBe(401);
  });
});

describe('odd values', () => {
  const { service } = useService({ CONTRACTS: 'plec,nest-auth,oauth' });

  const HALF = '\ud83d';
  const UUID = '00000000-0000-8000-8000-000000000000';
  const TEXTS = ['', ' ', 'a\u0000b', HALF, 'é', 'x'.repeat(5_000), '__proto__', 'constructor', 'NaN', UUID];
  const TIMES = [
    '20220101',
    '2022-W01-1',
    '2022-01-01',
    '2022-01-01 00:00:00Z',
    '2022-01-01T00:00:00,5Z',
    '2022-01-01T00:00:00',
    '2022-01-01T00:00:00+24:00',
    '2022-01-01T24:00:00Z',
    '2022-01-01T00:00:60Z',
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+23:59',
    '9999-12-31T23:59:59-23:59',
    '+275760-09-13T00:00:00Z',
    '-infinity',
  ];
  const numbers = [0, -0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308];
  const objects: unknown[] = [
    {},
    { a: {} },
    { '\u0000': 1 },
    { x: '\ud800' },
    { length: -1, toString: 1, then: 1 },
  ];
  const VALUES = [null, true, ...numbers, ...TEXTS, [], [[]], [null], ['a', 'a'], ...objects];
  const cursorOf = (text: string): string => Buffer.from(text).toString('base64url');
  const CURSORS = [
    `0000-01-01T00:00:00.000Z ${UUID}`,
    `+99999-01-01T00:00:00.0Z ${UUID}`,
    `2026-01-01T00:00:00.000Z ${'-'.repeat(36)}`,
    `2026-01-01T00:00:00.000Z 0000-00000000-8000-8000-000000000000`,
    `2026-01-01T00:00:00.000Z\u0000${UUID}`,
    `2026-01-01T00:00:00.000Z ${UUID} `,
    `2026-02-30T00:00:00.000Z ${UUID}`,
  ].map(cursorOf);
  const ESCAPES = ['%00', 'a%00', '%ff', '%', '%ED%A0%BD', '%F0%9F', '..%2f', '%0d%0a', '-1', '1e400'];
  const IN_URL = [
    ...ESCAPES,
    ...CURSORS,
    ...[...TEXTS, ...TIMES].filter((text) => text !== HALF).map(encodeURIComponent),
  ];
  const BODIES = [
    '',
    'null',
    '1',
    '"x"',
    '[]',
    '[[]]',
    '{"__proto__":{}}',
    '{"constructor":{"prototype":{}}}',
  ];
  BODIES.push('['.repeat(8_000), '{"a":'.repeat(20) + '1' + '}'.repeat(20), '\ufeff{}', '{', '\u0000');

  interface Operation {
    parameters: { name: string; in: string }[];
    requestBody?: { content: { 'application/json': { schema: { $ref: string } } } };
  }
  interface Schema {
    properties: Record<string, { format?: string; $ref?: string; allOf?: { $ref: string }[] }>;
  }
  type Asked = readonly [method: string, path: string, body?: string];

  /** Requests that hold one odd value each, at every place that the document of the own APIs names. */
  async function requests(): Promise<Asked[]> {
    const { session } = await service.open();
    await service.api('POST', '/clients', { id: 'odd' });
    const { document } = service.app!.documents.find(({ name }) => name === 'sessions')!;
    const schemaOf = (ref: string): Schema =>
      document.components!.schemas![ref.split('/').at(-1)!] as unknown as Schema;
    let count = 0;
    const needed = (schema: Schema): object => ({
      ...('subject' in schema.properties && { subject: 'ada' }),
      ...('id' in schema.properties && { id: `odd-${++count}`, authMethod: 'none' }),
    });
    const bodies = (schema: Schema): string[] =>
      Object.entries(schema.properties).flatMap(([name, { format, $ref, allOf }]) => {
        const ref = $ref ?? allOf?.[0]?.$ref;
        const inner = ref === undefined ? [] : Object.keys(schemaOf(ref).properties);
        const odd = inner.flatMap((member) => VALUES.map((value) => ({ [member]: value })));
        return [...VALUES, ...(format ? TIMES : []), ...odd].map((value) =>
          JSON.stringify({ ...needed(schema), [name]: value }),
        );
      });
    return Object.entries(document.paths).flatMap(([pattern, operations]) =>
      Object.entries(operations as Record<string, Operation>).flatMap(([verb, operation]): Asked[] => {
        const method = verb.toUpperCase();
        const path = pattern.replace('{id}', pattern.startsWith('/clients') ? 'odd' : session.id);
        const inPath = pattern.includes('{id}') ? IN_URL.map((odd) => pattern.replace('{id}', odd)) : [];
        const inQuery = operation.parameters
          .filter((parameter) => parameter.in === 'query')
          .flatMap(({ name }) =>
            IN_URL.map((odd) => `${path}?${name === 'subject' ? '' : 'subject=ada&'}${name}=${odd}`),
          );
        const ref = operation.requestBody?.content['application/json'].schema.$ref;
        const inBody = ref === undefined ? [] : [...BODIES, ...bodies(schemaOf(ref))];
        return [
          ...inBody.map((body) => [method, path, body] as const),
          ...[...inQuery, ...inPath].map((odd) => [method, odd] as const),
        ];
      }),
    );
  }

  test('never make a 5xx, whatever member or parameter they are in', async () => {
    const asked = await requests();
    expect(asked.length).toBeGreaterThan(1_000);

    const failed: unknown[] = [];
    const send = async ([method, path, body]: Asked): Promise<void> => {
      const headers = {
        authorization: `Bearer ${SERVICE_KEY}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      };
      const answer = await fetch(service.url + path, {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      const text = await answer.text();
      if (answer.status >= 500) failed.push([answer.status, method, path, body, text]);
    };
    while (asked.length > 0) await Promise.all(asked.splice(0, 20).map(send));
    expect(failed).toEqual([]);
  });

  test.each(TIMES)('that are no time as in RFC 3339 are told so: %s', async (authTime) => {
    const opening = await service.api('POST', '/sessions', { subject: 'ada', authTime });
    const ending = await service.api(
      'DELETE',
      `/sessions?subject=ada&before=${encodeURIComponent(authTime)}`,
    );
    for (const [answer, where] of [
      [opening, 'authTime'],
      [ending, 'before'],
    ] as const)
      expect([answer.status, await answer.json()]).toMatchObject([
        400,
        { details: { [where]: [expect.stringMatching(/as in RFC 3339, such as 2026-/)] } },
      ]);
  });

  test.each(['2026-01-02T03:04:05Z', '2026-01-02T04:04:05.123+01:00', '1970-01-01T00:00:00Z'])(
    'are none of these: %s',
    async (authTime) => {
      const { session } = await service.open({ authTime });
      expect(Date.parse((session as unknown as { authTime: string }).authTime)).toBe(Date.parse(authTime));
    },
  );

  test.each([...CURSORS, 'nonsense'])('that are no cursor of a page are told so: %s', async (cursor) => {
    const answer = await service.api('GET', `/sessions?subject=ada&cursor=${cursor}`);
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { details: { cursor: [expect.any(String)] } },
    ]);
  });

  test('as long as an id may be reach their client', async () => {
    const id = 'x'.repeat(128);
    expect((await service.api('POST', '/clients', { id })).status).toBe(201);
    expect((await service.api('GET', `/clients/${id}`)).status).toBe(200);
    expect((await service.api('DELETE', `/clients/${id}`)).status).toBe(204);
    expect((await service.api('GET', `/clients/${id}`)).status).toBe(404);
  });
});

describe('who reads the document of the own APIs', () => {
  const { service } = useService({ CONTRACTS: 'plec,oauth' });

  test('finds in it every member that is answered, and no other is answered', async () => {
    const document = closed(readDocument('openapi/sessions.json'));
    const unlike: unknown[] = [];
    const call = async (method: string, path: string, pattern: string, body?: unknown): Promise<Body> => {
      const answer = await service.api(method, path, body);
      const said = (await answer.json()) as Body;
      const flaws = schemasOf(document, pattern, method.toLowerCase())(String(answer.status), said);
      unlike.push(...flaws.map((flaw) => [method, pattern, answer.status, flaw]));
      return said;
    };
    const { session, refreshToken } = (await call('POST', '/sessions', '/sessions', {
      subject: 'ada',
    })) as unknown as OpenedSession;
    await call('GET', `/sessions/${session.id}`, '/sessions/{id}');
    await call('PATCH', `/sessions/${session.id}`, '/sessions/{id}', { claims: { role: 'admin' } });
    await call('PATCH', '/sessions?subject=ada', '/sessions', { claims: { role: 'user' } });
    await call('GET', '/sessions?subject=ada', '/sessions');
    await call('POST', '/sessions/inspect', '/sessions/inspect', { refreshToken });
    await call('DELETE', '/sessions?subject=ada', '/sessions');
    await call('PATCH', `/sessions/${session.id}`, '/sessions/{id}', { claims: {} });
    await call('GET', '/sessions', '/sessions');
    await call('POST', '/clients', '/clients', { id: 'web', lifetimes: { idle: '1d' }, scope: 'read' });
    await call('POST', '/clients/web/secrets', '/clients/{id}/secrets', {});
    await call('GET', '/clients/web', '/clients/{id}');
    await call('PATCH', '/clients/web', '/clients/{id}', { name: 'Web' });
    await call('GET', '/clients', '/clients');
    await call('GET', '/clients/none', '/clients/{id}');
    expect(unlike).toEqual([]);
  });
});

/** A document in which no object may have a member that it does not name. */
function closed(document: Json): Json {
  return JSON.parse(JSON.stringify(document), (_key, value: unknown) =>
    isObject(value) && isObject(value['properties']) ? { additionalProperties: false, ...value } : value,
  ) as Json;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

describe('a service key', () => {
  const secretOf = (name: string): string => `${name}-key-of-at-least-32-characters-in-all`;
  const ROLES = ['metrics', 'sessions', 'support', 'clients'];
  const settings = {
    CONTRACTS: 'plec,oauth',
    SERVICE_KEYS: ROLES.map((role) => `${role}-only[${role}]:${secretOf(role)}`).join(),
    RATE_LIMIT_WRONG_SERVICE_KEYS: '3',
    TRUST_PROXY: 'loopback',
  };
  const { service } = useService(settings);
  const call = (
    secret: string,
    method: string,
    path: string,
    body?: Body,
    address = '192.0.2.1',
  ): Promise<Response> =>
    fetch(service.url + path, {
      method,
      headers: {
        authorization: `Bearer ${secret}`,
        'x-forwarded-for': address,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });

  test.each<[method: string, path: string, roles: string[], ...body: Body[]]>([
    ['GET', '/metrics', ['metrics']],
    ['POST', '/sessions', ['sessions'], { subject: 'ada' }],
    ['PATCH', '/sessions/00000000-0000-8000-8000-000000000000', ['sessions'], {}],
    ['GET', '/sessions?subject=ada', ['sessions', 'support']],
    ['GET', '/sessions/00000000-0000-8000-8000-000000000000', ['sessions', 'support']],
    ['POST', '/sessions/inspect', ['sessions', 'support'], { refreshToken: 'x' }],
    ['GET', '/sessions/00000000-0000-8000-8000-000000000000/history', ['sessions', 'support']],
    ['GET', '/subjects/ada/history', ['sessions', 'support']],
    ['DELETE', '/subjects/eve', ['sessions']],
    ['DELETE', '/sessions/00000000-0000-8000-8000-000000000000', ['sessions', 'support']],
    ['DELETE', '/sessions?subject=ada', ['sessions', 'support']],
    ['DELETE', '/sessions?all=true', ['sessions']],
    ['DELETE', '/sessions?clientId=web', ['sessions']],
    ['GET', '/clients', ['clients']],
    ['POST', '/clients', ['clients'], { id: 'x' }],
    ['GET', '/clients/x', ['clients']],
    ['PATCH', '/clients/x', ['clients'], {}],
    ['DELETE', '/clients/x', ['clients']],
  ])('opens %s %s to %s, and tells the others which role they lack', async (method, path, roles, ...body) => {
    for (const role of ROLES) {
      const answer = await call(secretOf(role), method, path, ...body);
      if (roles.includes(role)) expect([200, 201, 204, 404]).toContain(answer.status);
      else {
        expect(answer.headers.get('www-authenticate')).toEqual(
          expect.stringMatching(/^Bearer .*error="insufficient_scope"$/),
        );
        expect([answer.status, await answer.json()]).toEqual([
          403,
          {
            code: 'MISSING_ROLE',
            message: expect.stringContaining(`lacks the role ${roles.join(' or ')}`) as string,
          },
        ]);
      }
    }
  });

  test('is named in the document with the roles that each route is for', () => {
    const { document } = service.app!.documents.find(({ name }) => name === 'sessions')!;
    const said = Object.entries(document.paths)
      .filter(([path]) => /^.(sessions|clients)/.test(path))
      .flatMap(([, operations]) =>
        Object.values(
          operations as Record<string, { responses: Record<string, { description: string }> }>,
        ).map(({ responses }) => responses['403']?.description),
      );
    expect(new Set(said)).toEqual(
      new Set(
        ['`sessions`', '`sessions` or `support`', '`clients`'].map(
          (roles) => `The service key lacks the role ${roles}`,
        ),
      ),
    );
  });

  test('that is wrong is limited for its address, and a right one from there still passes', async () => {
    const guess = (address: string): Promise<Response> =>
      call('wrong', 'GET', '/metrics', undefined, address);
    const answers = [];
    for (let count = 0; count < 5; count++) answers.push(await guess('192.0.2.9'));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429, 429]);
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual([
      '2',
      '1',
      '0',
      '0',
      '0',
    ]);
    expect(Number(answers[4]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answers[4]!.json()).toMatchObject({ code: 'RATE_LIMITED' });
    expect((await call(secretOf('metrics'), 'GET', '/metrics', undefined, '192.0.2.9')).status).toBe(200);
    expect((await guess('192.0.2.10')).status).toBe(401);
  });
});
