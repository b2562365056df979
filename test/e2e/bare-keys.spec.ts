import * as crypto from 'node:crypto';
import { jest } from '@jest/globals';
import type { TestService } from '../support/service.ts';

/**
 * Which of their arguments is the key. One that is bytes, or a KeyObject among options, is prepared anew for every use:
 * on Node 24 that doubles what a signature costs, and no other test would tell.
 */
const TAKE_A_KEY = { createHmac: 1, sign: 2, verify: 2, hkdfSync: 1, createCipheriv: 1, createDecipheriv: 1 };

/** The functions of node:crypto that were given a KeyObject, and those that were given anything else, so far. */
const bare = new Set<string>();
const others = new Set<string>();

const watched = Object.entries(TAKE_A_KEY).map(([name, at]) => {
  const real = crypto[name as keyof typeof TAKE_A_KEY] as (...given: unknown[]) => unknown;
  const watching = (...given: unknown[]): unknown => {
    (given[at] instanceof crypto.KeyObject ? bare : others).add(name);
    return real(...given);
  };
  return [name, watching] as const;
});
jest.unstable_mockModule('node:crypto', () => ({ ...crypto, ...Object.fromEntries(watched) }));

const { startService } = await import('../support/service.ts');
const { useDatabase } = await import('../support/use-service.ts');

function pemOf(namedCurve: string): string {
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

const { database } = useDatabase();

async function use(service: TestService): Promise<void> {
  const { refreshToken } = await service.open();
  expect((await service.refresh(refreshToken)).status).toBe(200);
  expect((await service.refresh('abc123.def456', '?dryRun=true')).status).toBe(200);
  const client = { id: crypto.randomUUID(), authMethod: 'none', dpopRequired: true };
  expect((await service.api('POST', '/clients', client)).status).toBe(201);
  const unproved = await fetch(`${service.url}/oauth/token`, {
    method: 'POST',
    headers: { dpop: 'no proof, but it is handed a nonce' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: client.id,
      refresh_token: refreshToken,
    }),
  });
  expect(unproved.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/);
}

test.each([
  ['the key ring', {}],
  ['a shared secret', { ACCESS_TOKEN_SECRET: 'a-shared-secret-of-at-least-32-characters' }],
  ["the operator's own ES256 key", { ACCESS_TOKEN_PRIVATE_KEY: pemOf('P-256') }],
  ["the operator's own ES384 key", { ACCESS_TOKEN_PRIVATE_KEY: pemOf('P-384') }],
])('a service that signs with %s gives node:crypto bare KeyObjects', async (_name, settings) => {
  for (const functions of [bare, others]) functions.clear();
  const service = await startService({
    DATABASE_URL: database.url,
    CONTRACTS: 'plec,oauth',
    ...settings,
  });
  try {
    await use(service);
  } finally {
    await service.stop();
  }
  expect([...others]).toEqual([]);
  expect([...bare]).toEqual(expect.arrayContaining(['createHmac', 'hkdfSync', 'sign']));
});
