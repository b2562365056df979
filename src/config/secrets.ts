import { createSecretKey } from 'node:crypto';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import { SERVICE_ROLES, type ServiceKey, type ServiceRole } from './config.js';
import type { EmbeddedSecrets } from './embedded-secrets.js';
import { Settings } from './settings.js';
import { firstTwice, splitOnce } from './text.js';

/** The least that a secret may have. */
export const LEAST_SECRET_CHARS = 32;
/** What makes a secret. */
export const NEW_SECRET = 'openssl rand -base64 32';
/** What an Authorization header can carry without being cut or changed. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
/** The name, and in brackets what the key is for. */
const SERVICE_KEY_NAME = /^([A-Za-z0-9_.-]{1,64})(?:\[([^[\]]*)\])?$/;

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
    return { value: { kid: Number(kid), secret: createSecretKey(secret, 'utf8') } };
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
    return [
      { name: 'local', roles: SERVICE_ROLES, secret: secrets.serviceKey, file: secrets.serviceKeyFile },
    ];
  }
  const keys = settings.list(name, readServiceKey);
  if (keys.length === 0 && !settings.faults(name) && !settings.faults('DATA_DIR')) {
    settings.mistake(
      name,
      `is not set, so no login backend could open a session; make one with: echo "login:$(${NEW_SECRET})"`,
      undefined,
    );
  }
  const twice = firstTwice(keys.map((key) => key.name));
  if (twice) settings.mistake(name, 'two keys have one name', undefined);
  return keys;
}

/** Names an entry by its place alone: written the wrong way round, its name is the secret. */
function readServiceKey(item: string, place: number): { value: ServiceKey } | { mistake: string } {
  const [before, secret] = splitOnce(item);
  const [, name, roles] = SERVICE_KEY_NAME.exec(before) ?? [];
  if (!item.includes(':') || !name)
    return {
      mistake:
        'each key is written name:secret or name[role+role]:secret, with a name of letters, digits, "_", "." or "-"',
    };
  const wanted = roles?.split('+') ?? SERVICE_ROLES;
  if (!wanted.every(isServiceRole))
    return { mistake: `key ${place} has a role that is none; there are ${SERVICE_ROLES.join(', ')}` };
  if (secret.length < LEAST_SECRET_CHARS)
    return {
      mistake: `the secret of key ${place} is shorter than ${LEAST_SECRET_CHARS} characters; it stands behind the name, as name:secret; make one with: ${NEW_SECRET}`,
    };
  if (!VISIBLE_ASCII.test(secret))
    return {
      mistake: `the secret of key ${place} has characters that no Authorization header carries; make one with: ${NEW_SECRET}`,
    };
  return { value: { name, roles: wanted, secret } };
}

function isServiceRole(word: string): word is ServiceRole {
  return (SERVICE_ROLES as readonly string[]).includes(word);
}
