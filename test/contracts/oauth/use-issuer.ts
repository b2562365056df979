import type { TestDatabase } from '../../support/database.ts';
import { startIssuer, type TestService } from '../../support/service.ts';
import { useService } from '../../support/use-service.ts';
import type { Registered } from './registered.ts';

/** What an endpoint of the OAuth contract answered. */
export interface Answer {
  status: number;
  headers: Headers;
  body: {
    error?: string;
    error_description?: string;
    refresh_token?: string;
    access_token?: string;
    [member: string]: unknown;
  };
}

/** The body for a refresh token that is not good, whatever is wrong with it. */
export const BAD_TOKEN = {
  error: 'invalid_grant',
  error_description: 'The refresh token is not valid for this client',
};

/** The row of a session of which no token was spent, as `generationOf` reads it. */
export const UNSPENT = { generation: 0, revoked_at: null };

/** Two replicas of an issuer with the contracts oauth and plec, and what tests ask of them most. */
export interface Issuer {
  readonly database: TestDatabase;
  readonly service: TestService;
  readonly replica: () => TestService;
  /** Posts a form to `at`, the first replica if not told otherwise. */
  readonly post: (
    path: string,
    form: string | Record<string, string>,
    headers?: Record<string, string>,
    at?: TestService,
  ) => Promise<Answer>;
  /** Refreshes as a client that authenticates with its secret in the header. */
  readonly refresh: (client: Registered, token: string, more?: Record<string, string>) => Promise<Answer>;
  /** The generation and the end of a session, as its row has them. */
  readonly generationOf: (id: string) => Promise<unknown>;
}

/** Gives the tests of a file an issuer from `beforeAll` on, and takes it away at the end. */
export function useIssuer(): Issuer {
  const settings = { CONTRACTS: 'oauth,plec' };
  const { database, service, start } = useService(settings, { by: startIssuer });
  let replica: TestService | undefined;

  beforeAll(async () => {
    replica = await start({ ...settings, ISSUER: service.url });
  });

  const post: Issuer['post'] = async (path, form, headers = {}, at = service) => {
    const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(at.url + path, { method: 'POST', headers: { ...type, ...headers }, body });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text ? JSON.parse(text) : {}) as Answer['body'],
    };
  };

  return {
    database,
    service,
    replica: () => replica!,
    post,
    refresh: (client, token, more = {}) =>
      post('/oauth/token', { grant_type: 'refresh_token', refresh_token: token, ...more }, basic(client)),
    generationOf: async (id) =>
      (await database.query('SELECT generation, revoked_at FROM sessions WHERE id = $1', [id]))[0],
  };
}

/** The header by which a client authenticates with its secret (RFC 6749 section 2.3.1). */
export function basic({ id, secret }: Registered): Record<string, string> {
  return {
    authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${secret!}`).toString('base64')}`,
  };
}
