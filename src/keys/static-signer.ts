import { createPublicKey } from 'node:crypto';
import type { JwtService } from '@nestjs/jwt';
import type { SigningConfig } from '../config/config.js';
import type { AccessTokenClaims } from '../core/access-token.js';
import {
  AccessTokenSigner,
  jwtSigner,
  verifyJwt,
  type JwkSet,
  type JwtKey,
  type JwtSigner,
} from './access-token-signer.js';
import { publicJwk } from './public-jwk.js';

/** As RFC 9068 section 2.1 has it. */
const TYPE = 'at+jwt';

/** Signs with the first key that the operator gave, a shared secret or a private key of their own, and verifies with all. */
export class StaticSigner extends AccessTokenSigner {
  private readonly signJwt: JwtSigner;

  private constructor(
    private readonly jwt: JwtService,
    private readonly issuer: string,
    signing: JwtKey,
    private readonly verifying: readonly JwtKey[],
    private readonly published: JwkSet,
  ) {
    super();
    this.signJwt = jwtSigner(signing, TYPE);
  }

  /** The signer for the keys in the configuration. */
  static async from(
    jwt: JwtService,
    config: Exclude<SigningConfig, { kind: 'ring' }>,
    issuer: string,
  ): Promise<StaticSigner> {
    if (config.kind === 'secret') {
      const keys = [config.secret, ...config.others].map((key): JwtKey => ({ algorithm: 'HS256', key }));
      return new StaticSigner(jwt, issuer, keys[0]!, keys, { keys: [] });
    }
    const { privateKey, algorithm, others } = config;
    const publicKeys = [{ publicKey: createPublicKey(privateKey), algorithm }, ...others];
    const jwks = await Promise.all(publicKeys.map((key) => publicJwk(key.publicKey, key.algorithm)));
    const verifying = publicKeys.map((each, index): JwtKey => {
      return { kid: jwks[index]!.kid, algorithm: each.algorithm, key: each.publicKey };
    });
    const signing: JwtKey = { ...verifying[0]!, key: privateKey };
    return new StaticSigner(jwt, issuer, signing, verifying, { keys: jwks });
  }

  override sign(claims: AccessTokenClaims): string {
    return this.signJwt(claims);
  }

  override verify(token: string): AccessTokenClaims | undefined {
    return verifyJwt(this.jwt, token, this.verifying, this.issuer);
  }

  override jwks(): JwkSet {
    return this.published;
  }

  override ready(): void {
    // The key came with the configuration.
  }
}
