import { ConfigError, readConfig } from '../../src/config/environment.ts';

/** Settings by name. */
export type Environment = Record<string, string>;

/** Long enough, and easily found in a message that should not hold it. */
export const SECRET = 'sesame-sesame-sesame-sesame-sesame';
/** Another. */
export const OTHER_SECRET = 'simsim-simsim-simsim-simsim-simsim';
/** The contracts there are. */
export const CONTRACTS = [{ name: 'plec' }, { name: 'watchr' }];
/** What a server needs; each test says what it does differently. */
export const SERVER: Environment = {
  DATABASE_URL: 'postgresql://ratchet@db.example/ratchet',
  REFRESH_TOKEN_KEYS: `1:${SECRET}`,
  SERVICE_KEYS: `login:${SECRET}`,
};

/** The configuration of such a server. */
export function read(differently: Environment = {}): ReturnType<typeof readConfig> {
  return readConfig({ ...SERVER, ...differently }, CONTRACTS);
}

/** The lines that say what is wrong with an environment; none if nothing is. */
export function mistakes(environment: Environment): readonly string[] {
  try {
    readConfig(environment, CONTRACTS);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}

/** The lines that say what is wrong with such a server. */
export function mistakesOf(differently: Environment): readonly string[] {
  return mistakes({ ...SERVER, ...differently });
}
