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

/** Signs with the one key that the operator gave: a shared secret, or a private key of their own. */
export class StaticSigner extends AccessTokenSigner {
  private readonly signJwt: JwtSigner;
  private readonly verifying: JwtKey;
  private readonly published: JwkSet;

  constructor(
    private readonly jwt: JwtService,
    config: Exclude<SigningConfig, { kind: 'ring' }>,
    private readonly issuer: string,
  ) {
    super();
    if (config.kind === 'secret') {
      this.verifying = { algorithm: 'HS256', key: config.secret };
      this.signJwt = jwtSigner(this.verifying, TYPE);
      this.published = { keys: [] };
    } else {
      const jwk = publicJwk(config.privateKey, config.algorithm);
      const key: JwtKey = { kid: jwk.kid, algorithm: config.algorithm, key: config.privateKey };
      this.verifying = { ...key, key: createPublicKey(config.privateKey) };
      this.signJwt = jwtSigner(key, TYPE);
      this.published = { keys: [jwk] };
    }
  }

  override sign(claims: AccessTokenClaims): string {
    return this.signJwt(claims);
  }

  override verify(token: string): AccessTokenClaims | undefined {
    return verifyJwt(this.jwt, token, [this.verifying], this.issuer);
  }

  override jwks(): JwkSet {
    return this.published;
  }

  override ready(): void {
    // The key came with the configuration.
  }
}
