import type { RawRequest } from '../support/raw-http.ts';
import type { TestService } from '../support/service.ts';

/** How a frontend of a contract refreshes. Each contract's stands in `test/contracts/<name>/frontend.ts`. */
export interface Frontend {
  /** The request that presents a token, or that has none. */
  readonly ask: (token: string | undefined) => RawRequest;
  /** A request whose token is of a wrong type. */
  readonly askWrongly: RawRequest;
  /** What a session for it is opened with. */
  readonly session?: Readonly<Record<string, unknown>>;
  /** Whether a refresh keeps the token it has. */
  readonly touches?: boolean;
}

/**
 * Makes a contract's frontend, the default export of its file.
 *
 * @param service for what it must first be given, such as a client
 * @param prefix where the contract is mounted
 */
export type MakeFrontend = (service: TestService, prefix: string) => Frontend | Promise<Frontend>;

/** The frontend of a contract whose token travels as `refreshToken` in a JSON body. */
export function jsonFrontend(path: string, more: Partial<Frontend> = {}): Frontend {
  const post = (body: string): RawRequest => ({
    path,
    headers: { 'content-type': 'application/json' },
    body,
  });
  return {
    ask: (refreshToken) => post(JSON.stringify({ refreshToken })),
    askWrongly: post('{"refreshToken":42}'),
    ...more,
  };
}
