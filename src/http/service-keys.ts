import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServiceKey } from '../config/config.js';

/** The service keys there are, to be found by their secrets. */
export class ServiceKeys {
  private readonly known: readonly { key: ServiceKey; digest: Buffer }[];

  constructor(keys: readonly ServiceKey[]) {
    this.known = keys.map((key) => ({ key, digest: digest(key.secret) }));
  }

  /**
   * The key of a secret; undefined if it is of none. Every key is compared, and as a digest: neither which one is near nor
   * how near it is shows in the time.
   */
  find(secret: string): ServiceKey | undefined {
    const given = digest(secret);
    const [match] = this.known.filter((known) => timingSafeEqual(known.digest, given));
    return match?.key;
  }
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
