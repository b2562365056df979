import * as oauth from 'oauth4webapi';
import { SETTINGS, startIssuer } from '../../support/service.ts';
import { useService } from '../../support/use-service.ts';
import { register, type Registered } from './registered.ts';

const INSECURE = { [oauth.allowInsecureRequests]: true } as const;
type KeyPair = Awaited<ReturnType<typeof oauth.generateKeyPair>>;

const AUDIENCE = SETTINGS['AUDIENCE']!;

describe('a client that uses oauth4webapi', () => {
  const { database, service } = useService({ CONTRACTS: 'oauth,plec' }, { by: startIssuer });
  let server: oauth.AuthorizationServer;

  beforeAll(async () => {
    const issuer = new URL(service.url);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE });
    server = await oauth.processDiscoveryResponse(issuer, discovered);
  });

  const keyPair = (): Promise<KeyPair> => oauth.generateKeyPair('ES256', { extractable: true });

  async function refresh(
    { id }: Registered,
    how: oauth.ClientAuth,
    token: string,
    options: oauth.TokenEndpointRequestOptions = {},
  ): Promise<oauth.TokenEndpointResponse> {
    const client = { client_id: id };
    const send = async (): Promise<oauth.TokenEndpointResponse> => {
      const response = await oauth.refreshTokenGrantRequest(server, client, how, token, {
        ...options,
        ...INSECURE,
      });
      return oauth.processRefreshTokenResponse(server, client, response);
    };
    return send().catch((error: unknown) => {
      // The first proof cannot know the server's nonce.
      if (oauth.isDPoPNonceError(error)) return send();
      throw error;
    });
  }

  const METHODS: Record<string, () => Promise<[Registered, oauth.ClientAuth]>> = {
    client_secret_basic: async () => {
      const client = await register(service);
      return [client, oauth.ClientSecretBasic(client.secret!)];
    },
    client_secret_post: async () => {
      const client = await register(service, { authMethod: 'client_secret_post' });
      return [client, oauth.ClientSecretPost(client.secret!)];
    },
    private_key_jwt: async () => {
      const { privateKey, publicKey } = await keyPair();
      const jwk = await crypto.subtle.exportKey('jwk', publicKey);
      const client = await register(service, {
        authMethod: 'private_key_jwt',
        jwks: { keys: [{ ...jwk, alg: 'ES256' }] },
      });
      return [client, oauth.PrivateKeyJwt(privateKey)];
    },
    none: async () => [await register(service, { authMethod: 'none' }), oauth.None()],
  };

  describe.each(Object.keys(METHODS))('and authenticates by %s', (method) => {
    test('refreshes again and again, and its access tokens are good', async () => {
      const [client, how] = await METHODS[method]!();
      let { refreshToken } = await service.open({ clientId: client.id, scope: 'read write' });
      for (let times = 0; times < 3; times++) {
        const answer = await refresh(client, how, refreshToken);
        expect(answer).toMatchObject({ token_type: 'bearer', expires_in: 900, scope: 'read write' });
        const request = new Request(`${AUDIENCE}/things`, {
          headers: { authorization: `Bearer ${answer.access_token}` },
        });
        const claims = await oauth.validateJwtAccessToken(server, request, AUDIENCE, INSECURE);
        expect(claims).toMatchObject({ sub: 'ada', client_id: client.id, scope: 'read write' });
        expect(answer.refresh_token).not.toBe(refreshToken);
        refreshToken = answer.refresh_token!;
        await database.advance(10_001);
      }
    });

    test('with a proof of possession is given tokens that are bound to its key', async () => {
      const [client, how] = await METHODS[method]!();
      const keys = await keyPair();
      const DPoP = oauth.DPoP({}, keys);
      const jkt = await DPoP.calculateThumbprint();
      const bound = method === 'none' ? { dpopJkt: jkt } : {};
      const { refreshToken } = await service.open({ clientId: client.id, ...bound });
      const answer = await refresh(client, how, refreshToken, { DPoP });
      expect(answer.token_type).toBe('dpop');
      const request = new Request(`${AUDIENCE}/things`, {
        headers: {
          authorization: `DPoP ${answer.access_token}`,
          dpop: await proofFor(keys, `${AUDIENCE}/things`, answer.access_token),
        },
      });
      const claims = await oauth.validateJwtAccessToken(server, request, AUDIENCE, INSECURE);
      expect(claims['cnf']).toEqual({ jkt });
    });

    test('revokes its refresh token, which then is inactive and refreshes no more', async () => {
      const [client, how] = await METHODS[method]!();
      const { refreshToken } = await service.open({ clientId: client.id });
      const revoked = await oauth.revocationRequest(
        server,
        { client_id: client.id },
        how,
        refreshToken,
        INSECURE,
      );
      await oauth.processRevocationResponse(revoked);
      await expect(refresh(client, how, refreshToken)).rejects.toMatchObject({
        error: 'invalid_grant',
        status: 400,
      });
    });
  });

  describe.each(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])(
    'and introspects by %s',
    (method) => {
      test('learns of live tokens, and of others nothing', async () => {
        const [client, how] = await METHODS[method]!();
        const introspect = async (token: string): Promise<oauth.IntrospectionResponse> => {
          const response = await oauth.introspectionRequest(
            server,
            { client_id: client.id },
            how,
            token,
            INSECURE,
          );
          return oauth.processIntrospectionResponse(server, { client_id: client.id }, response);
        };
        const { refreshToken, accessToken, session } = await service.open({
          clientId: client.id,
          scope: 'read',
        });
        const before = await database.query('SELECT ctid, xmin, * FROM public.sessions ORDER BY id');
        expect(await introspect(refreshToken)).toMatchObject({
          active: true,
          sub: 'ada',
          client_id: client.id,
          scope: 'read',
          sid: session.id,
        });
        expect(await introspect(accessToken)).toMatchObject({
          active: true,
          sub: 'ada',
          token_type: 'Bearer',
          aud: AUDIENCE,
        });
        expect(await introspect('nonsense')).toEqual({ active: false });
        expect(await database.query('SELECT ctid, xmin, * FROM public.sessions ORDER BY id')).toEqual(before);
        await service.api('DELETE', `/sessions/${session.id}`);
        expect(await introspect(refreshToken)).toEqual({ active: false });
        expect(await introspect(accessToken)).toEqual({ active: false });
      });
    },
  );

  async function proofFor(keys: KeyPair, url: string, accessToken: string): Promise<string> {
    const { SignJWT, exportJWK } = await import('jose');
    const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(accessToken))).toString(
      'base64url',
    );
    return new SignJWT({ htm: 'GET', htu: url, ath, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(keys.publicKey) })
      .setIssuedAt()
      .sign(keys.privateKey);
  }
});
