import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { JwtService } from '@nestjs/jwt';
import type { AccessTokenClaims } from '../core/access-token.js';
import { currentKey, deadKeys, dueKey, type RingKey, type RingSchedule } from '../core/key-ring.js';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import type { SigningKeyStore, StoredSigningKey } from '../store/signing-key-store.js';
import { Unavailable } from '../core/unavailable.js';
import {
  AccessTokenSigner,
  jwtSigner,
  verifyJwt,
  type JwkSet,
  type JwtKey,
  type JwtSigner,
} from './access-token-signer.js';
import { makeRingKey, RING_ALGORITHM } from './ring-key.js';
import { openKey, sealKey } from './sealed-key.js';

/** Between two looks at the ring, in milliseconds: how long a replica may go on with a key that has been withdrawn. */
const LOOK_EVERY = 5_000;

/** The private half of a key, and what signs with it. */
interface PrivateHalf {
  readonly privateKey: KeyObject;
  readonly sign: JwtSigner;
}

interface OpenedKey extends RingKey, StoredSigningKey {
  readonly half: PrivateHalf | undefined;
}

/** Signs with the key ring in the database, which all replicas share and any of them may renew. */
export class KeyRingSigner
  extends AccessTokenSigner
  implements OnApplicationBootstrap, OnApplicationShutdown
{
  private readonly logger = new Logger(KeyRingSigner.name);
  private readonly opened = new Map<string, PrivateHalf>();
  private readonly complainedOf = new Set<string>();
  private keys: readonly OpenedKey[] = [];
  private verifying: readonly JwtKey[] = [];
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly jwt: JwtService,
    private readonly store: SigningKeyStore,
    private readonly sealingKeys: readonly [RefreshTokenKey, ...RefreshTokenKey[]],
    private readonly schedule: RingSchedule,
    private readonly issuer: string,
  ) {
    super();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.renew();
    this.lookLater();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  override sign(claims: AccessTokenClaims): string {
    const current = currentKey(this.keys, new Date(claims.iat * 1000)) ?? this.earliest();
    return current.half!.sign(claims);
  }

  override verify(token: string): AccessTokenClaims | undefined {
    return verifyJwt(this.jwt, token, this.verifying, this.issuer);
  }

  override jwks(): JwkSet {
    return { keys: this.keys.map((key) => key.publicJwk) };
  }

  override ready(): void {
    this.earliest();
  }

  /** From when on the key signs that signs now, and when the next one is to; undefined before the ring has been read. */
  turns(): { readonly since: Date; readonly next: Date } | undefined {
    const now = new Date();
    const current = currentKey(this.keys, now);
    if (!current) return undefined;
    const { activatesAt: since } = current;
    const coming = this.keys.find((key) => key.usable && key.activatesAt > now);
    return { since, next: coming?.activatesAt ?? new Date(since.getTime() + this.schedule.period) };
  }

  /**
   * Looks at the ring: makes a key that is due, removes those that are dead, and seals anew those that were sealed
   * under a refresh token key that is on its way out.
   */
  async renew(): Promise<void> {
    let { keys, now } = await this.load();
    const due = dueKey(keys, now, this.schedule);
    if (due) {
      await this.store.add(await this.makeKey(due));
      // Another replica may have been first; what counts is what the database now holds.
      ({ keys, now } = await this.load());
    }
    const dead = deadKeys(keys, now);
    for (const { kid } of dead) await this.store.remove(kid);
    this.keys = keys.filter((key) => !dead.includes(key));
    this.verifying = this.keys.map(({ kid, publicJwk: jwk }) => {
      return {
        kid,
        algorithm: RING_ALGORITHM,
        key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }),
      };
    });
    await this.resealOldKeys();
  }

  /** One look after the other: of two at once, the one that has read an older ring might be the last to tell. */
  private lookLater(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.renewOrWarn().then(() => this.lookLater()), LOOK_EVERY).unref();
  }

  private async renewOrWarn(): Promise<void> {
    await this.renew().catch((error: unknown) =>
      this.logger.warn(`The key ring could not be read: ${String(error)}`),
    );
  }

  private async load(): Promise<{ keys: OpenedKey[]; now: Date }> {
    const { keys, now } = await this.store.all();
    return { now, keys: keys.map((key) => this.open(key)) };
  }

  private open(stored: StoredSigningKey): OpenedKey {
    const under = this.sealingKeys.find((key) => key.kid === stored.sealedBy);
    const half = this.opened.get(stored.kid) ?? (under && halfOf(stored, under));
    if (half) this.opened.set(stored.kid, half);
    else this.complainOf(stored);
    return { ...stored, half, usable: half !== undefined };
  }

  private complainOf({ kid, sealedBy }: StoredSigningKey): void {
    const what = `Signing key ${kid} cannot be opened: REFRESH_TOKEN_KEYS lacks key ${sealedBy} or it has changed`;
    if (!this.complainedOf.has(what)) this.logger.warn(what);
    this.complainedOf.add(what);
  }

  private async makeKey(due: Omit<RingKey, 'usable'>): Promise<StoredSigningKey> {
    const key = await makeRingKey(due, this.sealingKeys[0]);
    this.logger.log(`Signing key ${key.kid} made, signing from ${key.activatesAt.toISOString()}`);
    return key;
  }

  private async resealOldKeys(): Promise<void> {
    const [under] = this.sealingKeys;
    for (const { kid, sealedBy, half } of this.keys) {
      if (half && sealedBy !== under.kid)
        await this.store.reseal(kid, sealKey(half.privateKey, kid, under), under.kid);
    }
  }

  private earliest(): OpenedKey {
    const key = this.keys.find((candidate) => candidate.usable);
    if (!key) throw new Unavailable('key_ring_unread');
    return key;
  }
}

function halfOf({ kid, sealedKey }: StoredSigningKey, under: RefreshTokenKey): PrivateHalf | undefined {
  const key = openKey(sealedKey, kid, under);
  return key && { privateKey: key, sign: jwtSigner({ kid, algorithm: RING_ALGORITHM, key }, 'at+jwt') };
}
