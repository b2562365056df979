import { createPublicKey } from 'node:crypto';

/** What each kind of key may sign with (RFC 7518 section 3.1, RFC 8037, RFC 9864), by its `crv` or else its `kty`. */
const ALGORITHMS_OF = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  RSA: ['PS256', 'PS384', 'PS512', 'RS256'],
  Ed25519: ['EdDSA', 'Ed25519'],
};

const KINDS = 'EC on P-256, P-384 or P-521, RSA, or OKP on Ed25519';
const CURVES_OF = new Map<unknown, readonly (keyof typeof ALGORITHMS_OF)[]>([
  ['EC', ['P-256', 'P-384', 'P-521']],
  ['OKP', ['Ed25519']],
]);

/** Algorithms of assertions and proofs: asymmetric ones only (RFC 9449 section 4.3, FAPI 2.0 section 5.4.1). */
export const ASYMMETRIC_ALGORITHMS: string[] = Object.values(ALGORITHMS_OF).flat();

/** The most keys of a client: what is in use, and what follows it. */
export const MAX_KEYS = 10;

/** Members of private and of shared keys (RFC 7518 sections 6.2.2, 6.3.2 and 6.4). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const RSA_BITS = { min: 2048, max: 8192 };
/** FIPS 186-5 appendix A.1.1. */
const RSA_EXPONENT_ABOVE = 2n ** 16n;

type Jwk = Readonly<Record<string, unknown>>;

/**
 * What is wrong with the keys of a client: a JWK Set (RFC 7517 section 5) of public keys that verify signatures. A sentence
 * that quotes none of them; undefined if they are as they should be.
 */
export function mistakeInPublicKeys(jwks: unknown): string | undefined {
  const { keys } = (jwks ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS)
    return `jwks must be a JWK Set of 1 to ${MAX_KEYS} public keys: {"keys": [...]}`;
  const kids = keys.map((key) => (key as Jwk | null)?.['kid']);
  for (const [at, key] of keys.entries()) {
    const isTwin = kids[at] !== undefined && kids.indexOf(kids[at]) < at;
    const mistake = mistakeInKey(key) ?? (isTwin ? 'must have a kid of its own' : undefined);
    if (mistake !== undefined) return `jwks.keys[${at}] ${mistake}`;
  }
  return undefined;
}

function mistakeInKey(key: unknown): string | undefined {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return 'must be a JWK, an object';
  const jwk = key as Jwk;
  const secret = SECRET_MEMBERS.find((member) => member in jwk);
  if (secret !== undefined)
    return `must be a public key, and has the secret member ${secret}: use a new key, since this one has been sent`;
  return mistakeInKind(jwk) ?? mistakeInUse(jwk) ?? mistakeInNumbers(jwk);
}

function kindOf({ kty, crv }: Jwk): keyof typeof ALGORITHMS_OF | undefined {
  return kty === 'RSA' ? kty : CURVES_OF.get(kty)?.find((curve) => curve === crv);
}

function mistakeInKind(jwk: Jwk): string | undefined {
  const { alg, kid } = jwk;
  const kind = kindOf(jwk);
  if (!kind) return `must be ${KINDS} (kty, crv)`;
  if (kid !== undefined && (typeof kid !== 'string' || kid === ''))
    return 'must have a text as its kid, or none';
  const algorithms: readonly unknown[] = ALGORITHMS_OF[kind];
  return alg === undefined || algorithms.includes(alg)
    ? undefined
    : `must be for ${algorithms.join(', ')} (alg), or not say so`;
}

function mistakeInUse({ use, key_ops: ops }: Jwk): string | undefined {
  if (use !== undefined && use !== 'sig') return 'must be for signatures: use must be "sig", or left out';
  const isToVerify = ops === undefined || (Array.isArray(ops) && ops.length === 1 && ops[0] === 'verify');
  return isToVerify ? undefined : 'must be to verify with: key_ops must be ["verify"], or left out';
}

function mistakeInNumbers(jwk: Jwk): string | undefined {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
    if (jwk['kty'] !== 'RSA') return undefined;
    const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
    if (modulusLength < RSA_BITS.min || modulusLength > RSA_BITS.max)
      return `must have ${RSA_BITS.min} to ${RSA_BITS.max} bits, and has ${modulusLength} (n)`;
    return publicExponent > RSA_EXPONENT_ABOVE && publicExponent % 2n === 1n
      ? undefined
      : 'must have an odd exponent above 65536 (e), such as AQAB';
  } catch {
    return 'is no valid key: its numbers are missing, misspelt or not on its curve';
  }
}
