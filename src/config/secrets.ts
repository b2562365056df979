import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import type { ServiceKey, SigningConfig } from './config.js';
import type { EmbeddedSecrets } from './embedded-secrets.js';
import { Settings } from './settings.js';
import { firstTwice, splitOnce } from './text.js';

const LEAST_SECRET_CHARS = 32;
const NEW_SECRET = 'openssl rand -base64 32';
/** What an Authorization header can carry without being cut or changed. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** REFRESH_TOKEN_KEYS, or those that were generated. */
export function readRefreshTokenKeys(settings: Settings, secrets?: EmbeddedSecrets): RefreshTokenKey[] {
  const name = 'REFRESH_TOKEN_KEYS';
  const given = settings.text(name) ? settings : new Settings({ [name]: secrets?.refreshTokenKeys });
  const keys = given.list(name, (item) => {
    const [kid, secret] = splitOnce(item);
    if (!/^\d{1,3}$/.test(kid) || Number(kid) > 255)
      return { mistake: 'each key is written kid:secret, with a kid from 0 to 255' };
    if (secret.length < LEAST_SECRET_CHARS)
      return {
        mistake: `the secret of key ${kid} is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`,
      };
    return { value: { kid: Number(kid), secret: Buffer.from(secret, 'utf8') } };
  });
  if (keys.length === 0 && !settings.faults(name) && !settings.faults('DATA_DIR')) {
    settings.mistake(name, `is not set; make one with: echo "1:$(${NEW_SECRET})"`, undefined);
  }
  const twice = firstTwice(keys.map((key) => String(key.kid)));
  if (twice) settings.mistake(name, `kid ${twice} is there twice`, undefined);
  return keys;
}

/** SERVICE_KEYS, or the one that was generated. */
export function readServiceKeys(settings: Settings, secrets?: EmbeddedSecrets): ServiceKey[] {
  const name = 'SERVICE_KEYS';
  if (!settings.text(name) && secrets) {
    return [{ name: 'local', secret: secrets.serviceKey, file: secrets.serviceKeyFile }];
  }
  const keys = settings.list(name, (item) => {
    const [keyName, secret] = splitOnce(item);
    // Without a colon, what looks like the name is the secret.
    if (!item.includes(':') || !/^[A-Za-z0-9_.-]{1,64}$/.test(keyName))
      return { mistake: 'each key is written name:secret, with a name of letters, digits, "_", "." or "-"' };
    if (secret.length < LEAST_SECRET_CHARS)
      return {
        mistake: `the secret of ${keyName} is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`,
      };
    if (!VISIBLE_ASCII.test(secret))
      return {
        mistake: `the secret of ${keyName} has characters that no Authorization header carries; make one with: ${NEW_SECRET}`,
      };
    return { value: { name: keyName, secret } };
  });
  if (keys.length === 0 && !settings.faults(name) && !settings.faults('DATA_DIR')) {
    settings.mistake(
      name,
      `is not set, so no login backend could open a session; make one with: echo "login:$(${NEW_SECRET})"`,
      undefined,
    );
  }
  const twice = firstTwice(keys.map((key) => key.name));
  if (twice) settings.mistake(name, `${twice} is there twice`, undefined);
  return keys;
}

/** What signs access tokens. */
export function readSigning(settings: Settings): SigningConfig {
  const period = settings.duration('SIGNING_KEY_PERIOD', '30d', '1h', '3650d');
  const secret = settings.text('ACCESS_TOKEN_SECRET');
  const pem = settings.text('ACCESS_TOKEN_PRIVATE_KEY')?.replaceAll('\\n', '\n');
  const ring: SigningConfig = { kind: 'ring', period };
  if (secret && pem)
    return settings.mistake(
      'ACCESS_TOKEN_SECRET',
      'and ACCESS_TOKEN_PRIVATE_KEY are both set; one of them signs',
      ring,
    );
  if (secret) {
    if (secret.length < LEAST_SECRET_CHARS)
      return settings.mistake(
        'ACCESS_TOKEN_SECRET',
        `is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`,
        ring,
      );
    return { kind: 'secret', secret: createSecretKey(secret, 'utf8') };
  }
  if (!pem) return ring;
  const key = parsePrivateKey(pem);
  return (
    key ??
    settings.mistake(
      'ACCESS_TOKEN_PRIVATE_KEY',
      'is not a PEM private key for ES256 (P-256), ES384 (P-384) or RS256 (RSA, 2048 bits or more)',
      ring,
    )
  );
}

function parsePrivateKey(pem: string): SigningConfig | undefined {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    return undefined;
  }
  const { namedCurve, modulusLength = 0 } = privateKey.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return { kind: 'key', privateKey, algorithm: 'ES256' };
  if (namedCurve === 'secp384r1') return { kind: 'key', privateKey, algorithm: 'ES384' };
  if (privateKey.asymmetricKeyType === 'rsa' && modulusLength >= 2048)
    return { kind: 'key', privateKey, algorithm: 'RS256' };
  return undefined;
}
