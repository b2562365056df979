import { sendRaw } from '../support/raw-http.ts';
import { useService } from '../support/use-service.ts';

/** What frontends' libraries say of a body that they do not send: axios of null, fetch of '', a form without fields. */
const TYPES = [
  'application/x-www-form-urlencoded',
  'text/plain;charset=UTF-8',
  'application/json',
  'nonsense',
];

describe.each(['plec', 'watchr', 'nest-auth'])('an empty body that comes with a type, at %s', (contract) => {
  const { service } = useService({ CONTRACTS: contract, NEST_AUTH_TOKEN_TYPE: 'cookie' });
  const refresh = contract === 'nest-auth' ? '/auth/refresh-token' : '/auth/refresh';

  test.each(TYPES)('is no body: %s', async (type) => {
    const { setCookie } = await service.open();
    const headers = { cookie: setCookie.split(';')[0]!, 'content-type': type, 'content-length': '0' };
    for (const path of contract === 'plec' ? [refresh, '/auth/logout'] : [refresh])
      expect((await sendRaw(service.url, { path, headers })).status).toBeLessThan(300);
  });

  test('is turned away from a page of elsewhere as any is', async () => {
    const { setCookie } = await service.open();
    const headers = {
      cookie: setCookie.split(';')[0]!,
      origin: 'https://evil.example',
      'content-type': TYPES[0]!,
      'content-length': '0',
    };
    expect((await sendRaw(service.url, { path: refresh, headers })).status).toBe(403);
  });
});

describe('an empty body at OAuth', () => {
  const { service } = useService({ CONTRACTS: 'oauth' });

  test('lacks its parameters, whatever its type', async () => {
    for (const type of TYPES) {
      const headers = { 'content-type': type, 'content-length': '0' };
      const { status, body } = await sendRaw(service.url, { path: '/oauth/token', headers });
      expect([status, body]).toMatchObject([400, { error: 'invalid_request' }]);
    }
  });
});
