import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The secrets of embedded mode, which are generated beside its database and kept. */
export interface EmbeddedSecrets {
  /** As REFRESH_TOKEN_KEYS would be. */
  readonly refreshTokenKeys: string;
  readonly serviceKey: string;
  readonly serviceKeyFile: string;
}

/** Reads the secrets under `directory`, making those that are not there yet (files of mode 0600). */
export function embeddedSecrets(directory: string): EmbeddedSecrets {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const serviceKeyFile = join(directory, 'service-key');
  return {
    refreshTokenKeys: readOrWrite(join(directory, 'refresh-token-keys'), () => `1:${newSecret()}`),
    serviceKey: readOrWrite(serviceKeyFile, newSecret),
    serviceKeyFile: resolve(serviceKeyFile),
  };
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function readOrWrite(file: string, make: () => string): string {
  try {
    writeFileSync(file, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
