import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { OwnKeyAlgorithm, SigningConfig, VerifyingKey } from './config.js';
import { LEAST_SECRET_CHARS, NEW_SECRET } from './secrets.js';
import type { Settings } from './settings.js';

const KINDS = 'for ES256 (P-256), ES384 (P-384) or RS256 (RSA, 2048 bits or more)';
/** A block of RFC 7468; what stands outside of any says nothing. */
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----/gs;
/** What `openssl ecparam` writes before a key, which says the same. */
const EC_PARAMETERS = 'EC PARAMETERS';

/** What signs access tokens. */
export function readSigning(settings: Settings): SigningConfig {
  const period = settings.duration('SIGNING_KEY_PERIOD', '30d', '1h', '3650d');
  const ring: SigningConfig = { kind: 'ring', period };
  const secrets = settings.text('ACCESS_TOKEN_SECRET');
  const pem = settings.text('ACCESS_TOKEN_PRIVATE_KEY')?.replaceAll('\\n', '\n');
  if (secrets && pem) {
    const sentence = 'and ACCESS_TOKEN_PRIVATE_KEY are both set; one of them signs';
    return settings.mistake('ACCESS_TOKEN_SECRET', sentence, ring);
  }
  if (secrets) return readSecrets(settings, ring);
  return pem ? readKeys(settings, pem, ring) : ring;
}

function readSecrets(settings: Settings, otherwise: SigningConfig): SigningConfig {
  const name = 'ACCESS_TOKEN_SECRET';
  const texts = settings.list(name, (value) => ({ value }));
  const short = texts.findIndex((text) => text.length < LEAST_SECRET_CHARS);
  if (short >= 0) {
    const which = texts.length > 1 ? `secret ${short + 1} ` : '';
    const sentence = `${which}is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`;
    return settings.mistake(name, sentence, otherwise);
  }
  const [secret, ...others] = texts.map((text) => createSecretKey(text, 'utf8'));
  if (!secret) return settings.mistake(name, 'names no secret', otherwise);
  const twice = findTwice('secret', [secret, ...others]);
  return twice ? settings.mistake(name, twice, otherwise) : { kind: 'secret', secret, others };
}

function readKeys(settings: Settings, pem: string, otherwise: SigningConfig): SigningConfig {
  const name = 'ACCESS_TOKEN_PRIVATE_KEY';
  const blocks = [...pem.matchAll(PEM_BLOCK)]
    .filter(([, label]) => label !== EC_PARAMETERS)
    .map(([block]) => block);
  if (blocks.length > 0 && pem.replaceAll(PEM_BLOCK, '').includes('-----'))
    return settings.mistake(name, 'has a PEM block that does not end', otherwise);

  const [first = '', ...rest] = blocks;
  const privateKey = readKey(() => createPrivateKey(first));
  const algorithm = privateKey && algorithmOf(privateKey);
  if (!algorithm) {
    const which = rest.length > 0 ? 'key 1 ' : '';
    return settings.mistake(name, `${which}is not a PEM private key ${KINDS}`, otherwise);
  }
  const others = rest.flatMap((block, index): VerifyingKey[] => {
    const publicKey = readKey(() => createPublicKey(block));
    const its = publicKey && algorithmOf(publicKey);
    if (its) return [{ publicKey, algorithm: its }];
    return settings.mistake(name, `key ${index + 2} is not a PEM key, private or public, ${KINDS}`, []);
  });
  if (settings.faults(name)) return otherwise;
  const twice = findTwice('key', [createPublicKey(privateKey), ...others.map(({ publicKey }) => publicKey)]);
  return twice ? settings.mistake(name, twice, otherwise) : { kind: 'key', privateKey, algorithm, others };
}

function readKey(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): OwnKeyAlgorithm | undefined {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'ES256';
  if (namedCurve === 'secp384r1') return 'ES384';
  return asymmetricKeyType === 'rsa' && modulusLength >= 2048 ? 'RS256' : undefined;
}

/** The sentence that says which of `keys` is there twice. */
function findTwice(noun: string, keys: readonly KeyObject[]): string | undefined {
  // Not by `equals`: of keys of two types, it leaves an error behind that Node 20 throws at the next key it reads.
  const values = keys.map((key) => JSON.stringify(key.export({ format: 'jwk' })));
  const twice = values.findIndex((value, index) => values.indexOf(value) < index);
  return twice < 0
    ? undefined
    : `${noun} ${twice + 1} is the same as ${noun} ${values.indexOf(values[twice]!) + 1}`;
}
