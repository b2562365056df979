import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Settings } from './settings.js';

/** The secrets of embedded mode, which are generated beside its database and kept. */
export interface EmbeddedSecrets {
  /** As REFRESH_TOKEN_KEYS would be. */
  readonly refreshTokenKeys: string;
  readonly serviceKey: string;
  readonly serviceKeyFile: string;
}

/**
 * Reads the secrets under `directory`, making those that are not there yet (files of mode 0600). A folder that cannot
 * be used and a file that is empty are mistakes in `settings`.
 */
export function embeddedSecrets(settings: Settings, directory: string): EmbeddedSecrets | undefined {
  const serviceKeyFile = join(directory, 'service-key');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return {
      refreshTokenKeys: readOrWrite(
        settings,
        join(directory, 'refresh-token-keys'),
        () => `1:${newSecret()}`,
      ),
      serviceKey: readOrWrite(settings, serviceKeyFile, newSecret),
      serviceKeyFile: resolve(serviceKeyFile),
    };
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    settings.mistake('DATA_DIR', `${resolve(directory)} cannot be used (${code})`, undefined);
    return;
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function readOrWrite(settings: Settings, file: string, make: () => string): string {
  try {
    writeFileSync(file, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const text = readFileSync(file, 'utf8').trim();
  if (text) return text;
  // Not made anew: what was in it may be what live sessions depend on.
  return settings.mistake(
    'DATA_DIR',
    `${resolve(file)} is empty; put back what was in it, or delete it to have a new one made`,
    text,
  );
}
