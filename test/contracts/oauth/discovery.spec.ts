import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { SETTINGS, type TestService } from '../../support/service.ts';
import { useDatabase } from '../../support/use-service.ts';
import { register } from './registered.ts';

const INSECURE = { [oauth.allowInsecureRequests]: true } as const;

/** A proxy in front of the service, which takes `stripped` away from the paths that begin with it. */
class Proxy {
  target = '';
  private readonly server: Server;

  constructor(stripped: string) {
    this.server = createServer((incoming, answer) => {
      const { method, headers, url = '/' } = incoming;
      const path = stripped && url.startsWith(`${stripped}/`) ? url.slice(stripped.length) : url;
      const outgoing = request(this.target + path, { method, headers }, (answered) => {
        answer.writeHead(answered.statusCode!, answered.headers);
        answered.pipe(answer);
      });
      incoming.pipe(outgoing);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('a client that knows nothing but the issuer', () => {
  const { start } = useDatabase();

  describe.each<[place: string, contracts: string, stripped: string, tokenEndpoint: string]>([
    ['', 'oauth', '', '/oauth/token'],
    ['', 'oauth@/v2', '', '/v2/oauth/token'],
    ['/tenant', 'oauth', '/tenant', '/tenant/oauth/token'],
    ['/tenant/', 'oauth', '/tenant', '/tenant/oauth/token'],
    ['/one/tenant', 'oauth', '/one/tenant', '/one/tenant/oauth/token'],
    ['/tenant', 'oauth@/v2', '/tenant', '/tenant/v2/oauth/token'],
    ['/tenant', 'oauth@/tenant', '', '/tenant/oauth/token'],
    ['/tenant', 'oauth@/tenant/v2', '', '/tenant/v2/oauth/token'],
    ['/ten', 'oauth@/tenant', '/ten', '/ten/tenant/oauth/token'],
  ])(
    'at %j, with CONTRACTS=%s behind a proxy that strips %j',
    (place, contracts, stripped, tokenEndpoint) => {
      const proxy = new Proxy(stripped);
      let origin: string;
      let issuer: URL;
      let service: TestService;

      beforeAll(async () => {
        const host = await proxy.listen();
        origin = `http://${host}`;
        issuer = new URL(origin + place);
        service = await start({ CONTRACTS: contracts, ISSUER: origin + place });
        proxy.target = service.url;
      });

      afterAll(() => proxy.close());

      test('finds everything by oauth4webapi, and refreshes with assertion and proof', async () => {
        const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE });
        const server = await oauth.processDiscoveryResponse(issuer, discovered);
        expect(server.token_endpoint).toBe(origin + tokenEndpoint);
        const assertionKeys = await oauth.generateKeyPair('ES256', { extractable: true });
        const jwk = await crypto.subtle.exportKey('jwk', assertionKeys.publicKey);
        const { id } = await register(service, { authMethod: 'private_key_jwt', jwks: { keys: [jwk] } });
        const { refreshToken } = await service.open({ clientId: id });
        const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256'));
        const [me, how] = [{ client_id: id }, oauth.PrivateKeyJwt(assertionKeys.privateKey)];
        const refresh = async (): Promise<oauth.TokenEndpointResponse> => {
          const answer = await oauth.refreshTokenGrantRequest(server, me, how, refreshToken, {
            DPoP,
            ...INSECURE,
          });
          return oauth.processRefreshTokenResponse(server, me, answer);
        };
        // The first proof cannot know the nonce.
        expect(oauth.isDPoPNonceError(await refresh().catch((error: unknown) => error))).toBe(true);
        const { access_token } = await refresh();
        const claims = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()) as object;
        expect(claims).toMatchObject({ iss: origin + place, aud: SETTINGS['AUDIENCE'] });
        const keys = (await (await fetch(server.jwks_uri!)).json()) as { keys: unknown[] };
        expect(keys.keys).not.toEqual([]);
      });

      test('finds everything by openid-client, introspects and revokes', async () => {
        const { id, secret } = await register(service);
        const config = await client.discovery(issuer, id, undefined, client.ClientSecretBasic(secret), {
          algorithm: 'oauth2',
          execute: [client.allowInsecureRequests],
        });
        const { refreshToken } = await service.open({ clientId: id });
        const answer = await client.refreshTokenGrant(config, refreshToken);
        expect(await client.tokenIntrospection(config, answer.refresh_token!)).toMatchObject({
          active: true,
          iss: origin + place,
        });
        await client.tokenRevocation(config, answer.refresh_token!);
        expect(await client.tokenIntrospection(config, answer.refresh_token!)).toEqual({ active: false });
      });
    },
  );
});
