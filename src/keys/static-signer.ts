import { createPublicKey } from 'node:crypto';
import type { JwtService } from '@nestjs/jwt';
import type { SigningConfig } from '../config/config.js';
import type { AccessTokenClaims } from '../core/access-token.js';
import { AccessTokenSigner, signJwt, verifyJwt, type JwkSet, type JwtKey } from './access-token-signer.js';
import { publicJwk } from './public-jwk.js';

/** Signs with the one key that the operator gave: a shared secret, or a private key of their own. */
export class StaticSigner extends AccessTokenSigner {
  private readonly key: JwtKey;
  private readonly verifying: JwtKey;
  private readonly published: JwkSet;

  constructor(
    private readonly jwt: JwtService,
    config: Exclude<SigningConfig, { kind: 'ring' }>,
    private readonly issuer: string,
  ) {
    super();
    if (config.kind === 'secret') {
      this.key = { algorithm: 'HS256', key: config.secret };
      this.verifying = this.key;
      this.published = { keys: [] };
    } else {
      const jwk = publicJwk(config.privateKey, config.algorithm);
      this.key = { kid: jwk.kid, algorithm: config.algorithm, key: config.privateKey };
      this.verifying = { ...this.key, key: createPublicKey(config.privateKey) };
      this.published = { keys: [jwk] };
    }
  }

  override sign(claims: AccessTokenClaims): string {
    return signJwt(this.jwt, claims, this.key, 'at+jwt');
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
