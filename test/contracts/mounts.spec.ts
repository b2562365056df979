import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config/environment.ts';
import { CONTRACTS, everyContract, mountContracts } from '../../src/contracts/registry.ts';
import { SETTINGS } from '../support/service.ts';

const configFor = (wanted: string): ReturnType<typeof readConfig> =>
  readConfig({ ...SETTINGS, DATABASE_URL: 'postgresql://localhost/none', CONTRACTS: wanted }, CONTRACTS);

describe('an operator who mounts contracts', () => {
  test('is told which two claim one route, and how to mend it', () => {
    expect(() => mountContracts(configFor('plec,watchr'))).toThrow(
      'CONTRACTS: plec and watchr both claim POST /auth/refresh. Put one under a prefix, such as watchr@/watchr',
    );
  });

  test('is told that an issuer has one metadata document', () => {
    expect(() => mountContracts(configFor('oauth,oauth@/v2'))).toThrow(
      'CONTRACTS: oauth and oauth both claim GET /.well-known/oauth-authorization-server. There is one for an issuer, wherever they are mounted: leave one out',
    );
  });

  test('is told the same by a service that does not start', async () => {
    await expect(createApp(configFor('watchr@/a,plec@/a'))).rejects.toThrow('plec@/plec');
  });

  test('mounts any set with prefixes, and a contract twice', () => {
    const mounts = mountContracts(configFor('watchr,plec@/v2,plec@/v3'));
    expect(mounts.flatMap(({ routes }) => Object.keys(routes))).toEqual([
      '/auth/refresh',
      '/v2/auth/refresh',
      '/v2/auth/logout',
      '/v3/auth/refresh',
      '/v3/auth/logout',
    ]);
  });

  test('finds them all on the embedded database, Watchr out of the way', () => {
    const named = everyContract.map(({ name, prefix }) => (prefix ? `${name}@${prefix}` : name));
    expect(named).toEqual(CONTRACTS.map(({ name }) => (name === 'watchr' ? 'watchr@/watchr' : name)));
    expect(() => mountContracts(configFor(named.join()))).not.toThrow();
  });

  test('finds each contract in a document that says where it is', async () => {
    const { documents, nest } = await createApp(configFor('plec,watchr@/watchr,akinon'));
    await nest.close();
    const placeOf = (name: string): unknown => {
      const { document } = documents.find((candidate) => candidate.name === name)!;
      return [document.servers, Object.keys(document.paths)];
    };
    expect(placeOf('watchr')).toEqual([[{ url: '/watchr' }], ['/auth/refresh']]);
    expect(placeOf('akinon')).toEqual([[{ url: '/api/v1' }], ['/auth/refresh-token']]);
  });
});
