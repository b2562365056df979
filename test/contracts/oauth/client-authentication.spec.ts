import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { otherSpellings } from '../../keys/other-spellings.ts';
import { register, type Registered } from './registered.ts';
import { UNSPENT, basic, useIssuer, type Answer } from './use-issuer.ts';

describe('the OAuth contract authenticates clients, so that', () => {
  const { database, service, replica, post, refresh, generationOf } = useIssuer();

  test.each<[who: string, way: (client: Registered) => [Record<string, string>, Record<string, string>]]>([
    ['one with a wrong secret', (client) => [{}, basic({ ...client, secret: 'wrong' })]],
    ['one that does not exist', (client) => [{}, basic({ ...client, id: 'nobody' })]],
    ['a confidential one without a secret', ({ id }) => [{ client_id: id }, {}]],
    [
      'one that uses another method than registered',
      ({ id, secret }) => [{ client_id: id, client_secret: secret! }, {}],
    ],
    ['one that names nobody', () => [{}, {}]],
    ['one with a bearer token', () => [{}, { authorization: 'Bearer abc' }]],
    ['one whose header is no base64', () => [{}, { authorization: 'Basic ???' }]],
    [
      'one with an assertion that is none',
      ({ id }) => [
        {
          client_id: id,
          client_assertion: 'a.b.c',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
        {},
      ],
    ],
  ])('%s is told invalid_client, and spends nothing', async (_who, way) => {
    const client = await register(service);
    const { refreshToken, session } = await service.open({ clientId: client.id });
    const [form, headers] = way(client);
    for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
      const answer = await post(
        path,
        { grant_type: 'refresh_token', refresh_token: refreshToken, token: refreshToken, ...form },
        headers,
      );
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="ratchet"');
    }
    expect(await generationOf(session.id)).toEqual(UNSPENT);
  });

  test('one whose id and secret are form-encoded, in whole or in part, is who it is', async () => {
    const client = await register(service);
    const escaped = (text: string): string =>
      text.replaceAll(/./g, (character) => `%${character.charCodeAt(0).toString(16)}`);
    for (const [id, secret] of [
      [client.id, client.secret!],
      [escaped(client.id), escaped(client.secret!)],
      [escaped(client.id).toUpperCase(), client.secret!],
    ]) {
      for (const scheme of ['Basic', 'basic', 'BASIC ']) {
        const authorization = `${scheme} ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
        const again = await post(
          '/oauth/introspect',
          { token: 'a', client_id: client.id },
          { authorization },
        );
        expect([authorization, again.status]).toEqual([authorization, 200]);
      }
    }
    for (const [id, secret] of [
      [client.id, `${client.secret!}%`],
      [`${client.id}+`, client.secret!],
      ['', client.secret!],
      [client.id, ''],
    ]) {
      const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
      const answer = await post('/oauth/introspect', { token: 'a' }, { authorization });
      expect([authorization, answer.status, answer.body.error]).toEqual([
        authorization,
        401,
        'invalid_client',
      ]);
    }
  });

  const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  test.each<[what: string, form: Record<string, string>, byHeader: boolean, status: number, error: string]>([
    ['a secret in the header and in the form', { client_secret: 'a' }, true, 400, 'invalid_request'],
    [
      'a secret and an assertion',
      { client_assertion: 'a', client_assertion_type: TYPE },
      true,
      400,
      'invalid_request',
    ],
    [
      'a secret in the form and an assertion',
      { client_id: 'a', client_secret: 'a', client_assertion: 'a.b.c', client_assertion_type: TYPE },
      false,
      400,
      'invalid_request',
    ],
    ['an assertion of no type', { client_assertion: 'a.b.c' }, false, 400, 'invalid_request'],
    [
      'an assertion of another type',
      {
        client_assertion: 'a.b.c',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
      },
      false,
      400,
      'invalid_request',
    ],
    [
      'a type without an assertion',
      { client_id: 'a', client_assertion_type: TYPE },
      false,
      400,
      'invalid_request',
    ],
    ['an empty client_id', { client_id: '' }, false, 401, 'invalid_client'],
  ])('%s is told so at every endpoint', async (_what, form, byHeader, status, error) => {
    const client = await register(service);
    for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
      const answer = await post(
        path,
        { grant_type: 'refresh_token', refresh_token: 'a', token: 'a', ...form },
        byHeader ? basic(client) : {},
      );
      expect([path, answer.status, answer.body.error]).toEqual([path, status, error]);
      expect([answer.headers.get('cache-control'), answer.headers.get('pragma')]).toEqual([
        'no-store',
        'no-cache',
      ]);
    }
  });

  test('an assertion is good once, for both replicas', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const client = await register(service, {
      authMethod: 'private_key_jwt',
      jwks: { keys: [await exportJWK(publicKey)] },
    });
    const sign = (claims: JWTPayload): Promise<string> =>
      new SignJWT({ iss: client.id, sub: client.id, aud: service.url, jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: 'ES256' })
        .setExpirationTime('1m')
        .sign(privateKey);
    const send = async (assertion: string, at = service): Promise<unknown> => {
      const form = {
        grant_type: 'refresh_token',
        refresh_token: 'a',
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      };
      return (await post('/oauth/token', form, {}, at)).body.error;
    };
    const assertion = await sign({});
    expect([await send(assertion), await send(assertion), await send(assertion, replica())]).toEqual([
      'invalid_grant',
      'invalid_client',
      'invalid_client',
    ]);
    for (const aud of [
      `${service.url}/oauth/token`,
      `${service.url}/`,
      [service.url],
      [service.url, 'https://elsewhere.example'],
      'https://elsewhere.example',
    ])
      expect([aud, await send(await sign({ aud }))]).toEqual([aud, 'invalid_client']);
    const now = Math.floor(Date.now() / 1000);
    for (const time of ['iat', 'nbf']) {
      expect([time, await send(await sign({ [time]: now + 55 }))]).toEqual([time, 'invalid_grant']);
      expect([time, await send(await sign({ [time]: now + 65 }))]).toEqual([time, 'invalid_client']);
      for (const odd of [-1, '1', null])
        expect([time, odd, await send(await sign({ [time]: odd }))]).toEqual([time, odd, 'invalid_client']);
    }
    const good = await sign({});
    for (const spelling of otherSpellings(good))
      expect([spelling, await send(spelling)]).toEqual([spelling, 'invalid_client']);
    expect(await send(good)).toBe('invalid_grant');
    expect(await send(await sign({ sub: 'somebody' }))).toBe('invalid_client');
  });

  test('its secret is replaced with an overlap, and its sessions go on', async () => {
    const client = await register(service);
    const { refreshToken } = await service.open({ clientId: client.id });
    const other = await register(service);
    const replace = async (
      body?: object,
      id = client.id,
    ): Promise<{ status: number; body: Record<string, unknown> }> => {
      const response = await service.api('POST', `/clients/${id}/secrets`, body);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const secretOf = ({ status, body }: Awaited<ReturnType<typeof replace>>): string => {
      expect([status, body]).toMatchObject([201, { id: client.id }]);
      return body['secret'] as string;
    };
    const good = async (...secrets: string[]): Promise<boolean[]> => {
      const answers = secrets.map((secret) => refresh({ ...client, secret }, refreshToken));
      return (await Promise.all(answers)).map(({ status }) => status === 200);
    };
    const first = client.secret!;

    const second = secretOf(await replace());
    expect(await good(first, second, 'wrong', other.secret!)).toEqual([true, true, false, false]);
    const read = await (await service.api('GET', `/clients/${client.id}`)).json();
    expect(read).toMatchObject({ previousSecretExpiresAt: expect.any(String) as string });
    expect(JSON.stringify(await database.query('SELECT * FROM clients'))).not.toContain(second);
    // A third is refused until it is said which of the two it replaces: an answer may have been lost.
    expect(await replace({ overlap: 60 })).toMatchObject({ status: 409, body: { code: 'TWO_SECRETS' } });
    expect(await good(first, second)).toEqual([true, true]);
    const third = secretOf(await replace({ keep: 'older' }));
    expect(await good(first, second, third)).toEqual([true, false, true]);
    const fourth = secretOf(await replace({ overlap: 60, keep: 'newer' }));
    expect(await good(first, third, fourth)).toEqual([false, true, true]);
    await database.advance(61_000);
    expect(await good(third, fourth)).toEqual([false, true]);
    expect(await (await service.api('GET', `/clients/${client.id}`)).json()).not.toHaveProperty(
      'previousSecretExpiresAt',
    );
    const fifth = secretOf(await replace({ keep: 'older', overlap: 60 }));
    expect(await good(third, fourth, fifth)).toEqual([false, true, true]);
    // It is known to who should not: the old one ends at once, before its time too.
    for (let times = 0; times < 2; times++)
      expect((await service.api('DELETE', `/clients/${client.id}/secrets/previous`)).status).toBe(204);
    expect(await good(fourth, fifth)).toEqual([false, true]);
    const sixth = secretOf(await replace({ overlap: 0 }));
    expect(await good(fifth, sixth)).toEqual([false, true]);

    const { id } = await register(service, { authMethod: 'none' });
    expect(await replace({}, id)).toMatchObject({ status: 409, body: { code: 'NO_SECRET' } });
    for (const nobody of ['nobody', '%00'])
      expect(await replace({}, nobody)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    for (const [body, where] of [
      [{ overlap: 2_592_001 }, 'overlap'],
      [{ overlap: -1 }, 'overlap'],
      [{ keep: 'both' }, 'keep'],
    ] as const)
      expect(await replace(body)).toMatchObject({
        status: 400,
        body: { details: { [where]: [expect.any(String)] } },
      });
  });

  test('of several keys each that may have signed an assertion is tried, and its keys are replaced with an overlap', async () => {
    const [first, second, foreign] = [
      await generateKeyPair('ES256'),
      await generateKeyPair('ES256'),
      await generateKeyPair('ES256'),
    ];
    const rsa = await exportJWK((await generateKeyPair('RS256')).publicKey);
    const [old, next] = [await exportJWK(first.publicKey), await exportJWK(second.publicKey)];
    const client = await register(service, {
      authMethod: 'private_key_jwt',
      jwks: { keys: [rsa, old, next] },
    });
    const { refreshToken } = await service.open({ clientId: client.id });
    const authenticates = async ({ privateKey }: typeof first, kid?: string): Promise<boolean> => {
      const assertion = await new SignJWT({
        iss: client.id,
        sub: client.id,
        aud: service.url,
        jti: randomUUID(),
      })
        .setProtectedHeader({ alg: 'ES256', ...(kid !== undefined && { kid }) })
        .setExpirationTime('1m')
        .sign(privateKey);
      const answer = await post('/oauth/token', {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      return answer.status === 200;
    };
    const replace = async (...keys: object[]): Promise<void> => {
      expect((await service.api('PATCH', `/clients/${client.id}`, { jwks: { keys } })).status).toBe(200);
    };
    for (const pair of [first, second])
      expect([await authenticates(pair), await authenticates(pair, 'k')]).toEqual([true, true]);
    expect(await authenticates(foreign)).toBe(false);
    await replace({ ...old, kid: 'old' }, { ...next, kid: 'next' });
    expect([await authenticates(first), await authenticates(second)]).toEqual([true, true]);
    expect([await authenticates(first, 'old'), await authenticates(first, 'next')]).toEqual([true, false]);
    await replace({ ...next, kid: 'next' });
    expect([await authenticates(first), await authenticates(second)]).toEqual([false, true]);
  });

  test('with an assertion its owner is never a thief, however old his token is', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const client = await register(service, {
      authMethod: 'private_key_jwt',
      jwks: { keys: [await exportJWK(publicKey)] },
      rotationGrace: 0,
    });
    const { refreshToken, session } = await service.open({ clientId: client.id });
    const next = async (token: string): Promise<Answer> => {
      const assertion = new SignJWT({ iss: client.id, sub: client.id, aud: service.url, jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256' })
        .setExpirationTime('1m');
      return post('/oauth/token', {
        grant_type: 'refresh_token',
        refresh_token: token,
        client_assertion: await assertion.sign(privateKey),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
    };
    const first = (await next(refreshToken)).body.refresh_token!;
    const newest = (await next(first)).body.refresh_token!;
    for (const old of [refreshToken, first]) expect((await next(old)).body.refresh_token).toBe(newest);
    expect(await generationOf(session.id)).toEqual({ generation: 2, revoked_at: null });
  });

  test('a public one may not introspect', async () => {
    const { id } = await register(service, { authMethod: 'none' });
    const answer = await post('/oauth/introspect', { client_id: id, token: 'a' });
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    expect(answer.headers.get('www-authenticate')).toBe('Basic realm="ratchet"');
  });
});
