import * as client from 'openid-client';
import { startIssuer } from '../../support/service.ts';
import { useService } from '../../support/use-service.ts';
import { register } from './registered.ts';

describe('a client that uses openid-client', () => {
  const { database, service } = useService({ CONTRACTS: 'oauth' }, { by: startIssuer });

  const discover = (id: string, auth: client.ClientAuth): Promise<client.Configuration> =>
    client.discovery(new URL(service.url), id, undefined, auth, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    });

  test('discovers, refreshes, narrows the scope, introspects and revokes', async () => {
    const { id, secret } = await register(service);
    const config = await discover(id, client.ClientSecretBasic(secret));
    const { refreshToken } = await service.open({ clientId: id, scope: 'read write' });

    const narrow = await client.refreshTokenGrant(config, refreshToken, { scope: 'read' });
    expect(narrow.scope).toBe('read');
    await database.advance(10_001);
    const whole = await client.refreshTokenGrant(config, narrow.refresh_token!);
    expect(whole.scope).toBe('read write');

    expect(await client.tokenIntrospection(config, whole.refresh_token!)).toMatchObject({ active: true });
    await client.tokenRevocation(config, whole.refresh_token!);
    expect(await client.tokenIntrospection(config, whole.refresh_token!)).toEqual({ active: false });
    await expect(client.refreshTokenGrant(config, whole.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  test('proves possession of its key, and is told the nonce by itself', async () => {
    const keys = await client.randomDPoPKeyPair();
    const { id } = await register(service, { authMethod: 'none', dpopRequired: true });
    const config = await discover(id, client.None());
    const DPoP = client.getDPoPHandle(config, keys);
    const { refreshToken } = await service.open({ clientId: id, dpopJkt: await DPoP.calculateThumbprint() });
    const answer = await client.refreshTokenGrant(config, refreshToken, undefined, { DPoP });
    expect(answer.token_type).toBe('dpop');
    await expect(client.refreshTokenGrant(config, answer.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_dpop_proof',
    });
  });

  test('keeps its refresh token where its registration says so', async () => {
    const { id, secret } = await register(service, { refreshMode: 'touch' });
    const config = await discover(id, client.ClientSecretBasic(secret));
    const { refreshToken } = await service.open({ clientId: id });
    for (let times = 0; times < 3; times++) {
      const answer = await client.refreshTokenGrant(config, refreshToken);
      expect(answer.refresh_token).toBeUndefined();
      await database.advance(86_400_000);
    }
  });
});
