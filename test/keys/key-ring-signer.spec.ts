import { createSecretKey } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
} from 'jose';
import { MAX_ACCESS_TOKEN_TTL } from '../../src/core/access-token.ts';
import type { RefreshTokenKey } from '../../src/core/refresh-token.ts';
import { KeyRingSigner } from '../../src/keys/key-ring-signer.ts';
import { listKeys, withdrawKeys } from '../../src/keys/key-withdrawal.ts';
import { openKey } from '../../src/keys/sealed-key.ts';
import { Database } from '../../src/store/database/database.ts';
import { PrismaSigningKeyStore } from '../../src/store/prisma/prisma-signing-key-store.ts';
import { Unavailable } from '../../src/core/unavailable.ts';
import { TestDatabase } from '../support/database.ts';
import { claimsAt, ISSUER } from './claims.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PERIOD = 30 * DAY;
const LEAD = DAY;

const first: RefreshTokenKey = {
  kid: 1,
  secret: createSecretKey('the-first-refresh-token-key-of-the-operator', 'utf8'),
};
const second: RefreshTokenKey = {
  kid: 2,
  secret: createSecretKey('the-second-refresh-token-key-of-the-operator', 'utf8'),
};
const strangers: RefreshTokenKey = {
  kid: 1,
  secret: createSecretKey('a-refresh-token-key-of-somebody-else-again', 'utf8'),
};

let database: TestDatabase;
let connections: Database[];

beforeEach(async () => {
  Logger.overrideLogger(false);
  database = await TestDatabase.create();
  await database.freeze();
  connections = [];
});

afterEach(async () => {
  for (const connection of connections) await connection.close();
  await database.drop();
});

/** A replica of the service that has just started, with a connection of its own. */
async function replica(...keys: [RefreshTokenKey, ...RefreshTokenKey[]]): Promise<KeyRingSigner> {
  const connection = await Database.open({ kind: 'postgresql', url: database.url });
  connections.push(connection);
  const schedule = { period: PERIOD, lead: LEAD };
  return new KeyRingSigner(new JwtService(), new PrismaSigningKeyStore(connection), keys, schedule, ISSUER);
}

/** A replica that has looked at the ring. */
async function started(...keys: [RefreshTokenKey, ...RefreshTokenKey[]]): Promise<KeyRingSigner> {
  const signer = await replica(...keys);
  await signer.renew();
  return signer;
}

/** The time by the database's clock. */
async function now(): Promise<Date> {
  const [clock] = await database.query<{ now: Date }>('SELECT clock.now()');
  return clock!.now;
}

async function token(signer: KeyRingSigner, ttl?: number): Promise<string> {
  return signer.sign(claimsAt(await now(), ttl));
}

/** The keys as a resource server fetches them. */
function published(signer: KeyRingSigner): JSONWebKeySet {
  return JSON.parse(JSON.stringify(signer.jwks())) as JSONWebKeySet;
}

async function verify(text: string, keys: JSONWebKeySet): Promise<JWTPayload> {
  const expected = { typ: 'at+jwt', algorithms: ['ES256'], currentDate: await now() };
  return (await jwtVerify(text, createLocalJWKSet(keys), expected)).payload;
}

function kidOf(text: string): string {
  return decodeProtectedHeader(text).kid!;
}

async function storedKids(): Promise<string[]> {
  const rows = await database.query<{ kid: string }>('SELECT kid FROM signing_keys ORDER BY ordinal');
  return rows.map((row) => row.kid);
}

describe('a service that starts on an empty database', () => {
  test('signs at once what a resource server verifies with the published keys alone', async () => {
    const signer = await started(first);
    const claims = claimsAt(await now());
    expect(await verify(signer.sign(claims), published(signer))).toEqual(claims);
  });

  test('publishes public halves only', async () => {
    const [jwk, ...others] = published(await started(first)).keys;
    expect(others).toEqual([]);
    expect(Object.keys(jwk!).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(jwk).toMatchObject({ kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' });
  });

  test('signs nothing before it has read the ring, and says that this will pass', async () => {
    const signer = await replica(first);
    expect(() => signer.ready()).toThrow(Unavailable);
    expect(() => signer.sign(claimsAt(new Date()))).toThrow(Unavailable);
    await signer.renew();
    expect(() => signer.ready()).not.toThrow();
  });

  test('goes on signing when the database goes away', async () => {
    const signer = await started(first);
    const claims = claimsAt(await now());
    const keys = published(signer);
    await database.drop();
    await expect(signer.renew()).rejects.toThrow(Unavailable);
    expect(kidOf(signer.sign(claims))).toBe(keys.keys[0]!.kid);
    expect(published(signer)).toEqual(keys);
  });
});

describe('several replicas', () => {
  test('that start at once end with one key', async () => {
    const replicas = await Promise.all(Array.from({ length: 8 }, () => replica(first)));
    await Promise.all(replicas.map((signer) => signer.renew()));
    const [kid, ...others] = await storedKids();
    expect(others).toEqual([]);
    for (const signer of replicas) {
      expect(published(signer)).toEqual(published(replicas[0]!));
      expect(kidOf(await token(signer))).toBe(kid);
    }
  });

  test('that turn the ring at once end with the same keys', async () => {
    const replicas = await Promise.all(Array.from({ length: 8 }, () => replica(first)));
    for (let month = 0; month < 3; month++) {
      await Promise.all(replicas.map((signer) => signer.renew()));
      await database.advance(PERIOD - LEAD);
      await Promise.all(replicas.map((signer) => signer.renew()));
      await database.advance(LEAD);
    }
    await Promise.all(replicas.map((signer) => signer.renew()));
    const kids = await storedKids();
    const signed = new Set<string>();
    for (const signer of replicas) {
      expect(published(signer).keys.map((jwk) => jwk.kid)).toEqual(kids);
      signed.add(kidOf(await token(signer)));
    }
    expect(signed.size).toBe(1);
  });

  test('verify what another replica signed', async () => {
    const [one, other] = [await started(first), await started(first)];
    await verify(await token(one), published(other));
    await verify(await token(other), published(one));
  });
});

describe('when a key has signed for a month', () => {
  test('the next one is published a day before it signs, and signs then without another look', async () => {
    const signer = await started(first);
    const [oldKid] = await storedKids();
    await database.advance(PERIOD - LEAD - 1);
    await signer.renew();
    expect(published(signer).keys).toHaveLength(1);

    await database.advance(1);
    await signer.renew();
    const cachedByAResourceServer = published(signer);
    const [, newKid] = await storedKids();
    expect(cachedByAResourceServer.keys.map((jwk) => jwk.kid)).toEqual([oldKid, newKid]);

    await database.advance(LEAD - 1_000);
    expect(kidOf(await token(signer))).toBe(oldKid);
    await database.advance(1_000);
    const text = await token(signer);
    // Claims have whole seconds, so in the second in which it activates the old key may still sign.
    await database.advance(1_000);
    const later = await token(signer);
    expect([oldKid, newKid]).toContain(kidOf(text));
    expect(kidOf(later)).toBe(newKid);
    await verify(text, cachedByAResourceServer);
    await verify(later, cachedByAResourceServer);
  });

  test('a token that the old one signed last is verified until it expires, and then the old one goes', async () => {
    const signer = await started(first);
    const other = await started(first);
    await database.advance(PERIOD - LEAD);
    await signer.renew();
    await database.advance(LEAD - 1_000);
    const last = await token(signer, MAX_ACCESS_TOKEN_TTL);
    const [oldKid, newKid] = await storedKids();
    expect(kidOf(last)).toBe(oldKid);

    for (let hour = 0; hour < 23; hour++) {
      await database.advance(HOUR);
      await other.renew();
      expect(kidOf(await token(other))).toBe(newKid);
      expect(await verify(last, published(other))).toMatchObject({ sub: 'ada' });
    }
    await database.advance(HOUR + 2_000);
    await expect(verify(last, published(other))).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
    await other.renew();
    expect(await storedKids()).toEqual([newKid]);
    expect(published(other).keys.map((jwk) => jwk.kid)).toEqual([newKid]);
  });

  test('and the service slept for a year, the next one is still published a day before it signs', async () => {
    const signer = await started(first);
    const [oldKid] = await storedKids();
    await database.advance(365 * DAY);
    await signer.renew();
    expect(published(signer).keys).toHaveLength(2);
    expect(kidOf(await token(signer))).toBe(oldKid);
    await database.advance(LEAD + 1_000);
    await signer.renew();
    expect(kidOf(await token(signer))).not.toBe(oldKid);
  });
});

describe('when the operator rotates REFRESH_TOKEN_KEYS', () => {
  async function sealedBy(): Promise<number[]> {
    const rows = await database.query<{ sealed_by: number }>('SELECT sealed_by FROM signing_keys');
    return rows.map((row) => row.sealed_by);
  }

  test('the signing keys are sealed anew, and the old key can be taken away', async () => {
    const kid = kidOf(await token(await started(first)));
    expect(await sealedBy()).toEqual([1]);
    await started(second, first);
    expect(await sealedBy()).toEqual([2]);
    expect(kidOf(await token(await started(second)))).toBe(kid);
    expect(await storedKids()).toEqual([kid]);
  });

  test('a replica that has not heard of it yet goes on signing with the same key', async () => {
    const old = await started(first);
    const kid = kidOf(await token(old));
    await started(second, first);
    await old.renew();
    expect(kidOf(await token(old))).toBe(kid);
    expect(await storedKids()).toEqual([kid]);
  });

  test('a replica that restarts with the old key alone signs with one that the others open', async () => {
    const rotated = await started(second, first);
    const kid = kidOf(await token(rotated));
    const restarted = await started(first);
    const itsToken = await token(restarted);
    expect(kidOf(itsToken)).not.toBe(kid);
    await rotated.renew();
    await verify(itsToken, published(rotated));
    await verify(await token(rotated), published(restarted));
  });
});

describe('whoever has the database alone', () => {
  test('opens no key with a refresh token key of their own, but tokens already issued stay verifiable', async () => {
    const owner = await started(first);
    const owners = await token(owner);
    const stranger = await started(strangers);
    expect(kidOf(await token(stranger))).not.toBe(kidOf(owners));
    await verify(owners, published(stranger));
  });

  test('finds private halves in no row', async () => {
    await started(first);
    const rows = await database.query<{ kid: string; sealed_key: Buffer; public_jwk: object }>(
      'SELECT kid, sealed_key, public_jwk FROM signing_keys',
    );
    expect(rows).toHaveLength(1);
    for (const { kid, sealed_key, public_jwk } of rows) {
      expect(openKey(sealed_key, kid, first)).toBeDefined();
      expect(openKey(sealed_key, kid, strangers)).toBeUndefined();
      expect(public_jwk).not.toHaveProperty('d');
    }
  });
});

describe('when an operator withdraws a key', () => {
  async function ring(): Promise<PrismaSigningKeyStore> {
    const connection = await Database.open({ kind: 'postgresql', url: database.url });
    connections.push(connection);
    return new PrismaSigningKeyStore(connection);
  }

  test('a new one signs at once, though an older one is there, and no replica believes the old one any more', async () => {
    const replicas = [await started(first), await started(first)];
    await database.advance(PERIOD - LEAD);
    for (const signer of replicas) await signer.renew();
    await database.advance(LEAD + HOUR);
    const [older, stolen] = (await storedKids()) as [string, string];
    const text = await token(replicas[0]!);
    expect(kidOf(text)).toBe(stolen);
    const store = await ring();
    expect((await listKeys(store, [first])).map(({ kid, state }) => [kid, state])).toEqual([
      [older, 'verifies only'],
      [stolen, 'signs'],
    ]);
    const signs = await withdrawKeys(store, [first], [stolen]);
    expect(await storedKids()).toEqual([older, signs]);
    expect((await listKeys(store, [second])).map(({ state }) => state)).toEqual([
      'cannot be opened',
      'cannot be opened',
    ]);
    await database.advance(1_000);
    for (const signer of replicas) {
      expect(signer.verify(text)).toBeDefined();
      await signer.renew();
      expect(signer.verify(text)).toBeUndefined();
      expect(published(signer).keys.map(({ kid }) => kid)).toEqual([older, signs]);
      expect(kidOf(await token(signer))).toBe(signs);
    }
    expect(await storedKids()).toEqual([older, signs]);
  });

  test('that is only published, or all there are, one signs in any case', async () => {
    const signer = await started(first);
    const [current] = (await storedKids()) as [string];
    await database.advance(PERIOD - LEAD);
    await signer.renew();
    const [, next] = (await storedKids()) as [string, string];
    const store = await ring();
    expect(await withdrawKeys(store, [first], [next])).toBe(current);
    await signer.renew();
    expect(kidOf(await token(signer))).toBe(current);
    const made = await withdrawKeys(store, [first], await storedKids());
    expect(await storedKids()).toEqual([made]);
    // A replica that looked before adds none of them again.
    await signer.renew();
    expect(await storedKids()).toContain(made);
    expect(await storedKids()).not.toContain(current);
  });
});
