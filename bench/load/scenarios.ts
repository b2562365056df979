import { CLIENT_CREDENTIALS, SERVICE_KEY, idOf, tokenOf } from '../sessions.ts';
import { post, type Answer } from './connection.ts';

/** One closed loop: what it sends next, and what it makes of the answer. */
export interface Loop {
  next(): string;
  /** Throws if the answer is not the one that the scenario is about. */
  took(answer: Answer): void;
}

/** The loops of a scenario over `sessions` sessions. Loop `at` of `of` has sessions of its own. */
export type Scenario = (at: number, of: number, sessions: number) => Loop;

/** Every kind of load there is. */
export const SCENARIOS = {
  'rotate-body': rotate((token) => post('/auth/refresh', `{"refreshToken":"${token}"}`), successorInBody),
  'rotate-cookie': rotate(
    (token) => post('/auth/refresh', '', `cookie: theme=dark; refresh_token=${token}\r\n`),
    ({ head }) => /set-cookie: refresh_token=([^;]+)/i.exec(head)?.[1],
  ),
  'rotate-oauth': rotate(
    (token) => form('/oauth/token', `grant_type=refresh_token&refresh_token=${token}`),
    ({ body }) => /"refresh_token":"([^"]+)"/.exec(body)?.[1],
  ),
  storm: storm((token) => post('/auth/refresh', `{"refreshToken":"${token}"}`)),
  'dry-run': over((index) => post('/auth/refresh?dryRun=true', `{"refreshToken":"${tokenOf(index)}"}`), 200),
  forged: over((index) => {
    const token = tokenOf(index);
    const flipped = token.endsWith('A') ? 'B' : 'A';
    return post('/auth/refresh', `{"refreshToken":"${token.slice(0, -1)}${flipped}"}`);
  }, 401),
  revoke: over(
    (index) =>
      `DELETE /sessions/${idOf(index)} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${SERVICE_KEY}\r\n\r\n`,
    204,
  ),
  open: over(
    (index) => post('/sessions', `{"subject":"user-${index}"}`, `authorization: Bearer ${SERVICE_KEY}\r\n`),
    201,
  ),
  introspect: over((index) => form('/oauth/introspect', `token=${tokenOf(index)}`), 200),
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

const TABS = 8;

/** What CLIENT sends, authenticated. */
function form(path: string, body: string): string {
  return post(path, body, `authorization: Basic ${CLIENT_CREDENTIALS}\r\n`).replace(
    'application/json',
    'application/x-www-form-urlencoded',
  );
}

/** Refreshes with the token of the session's last answer. */
function rotate(
  request: (token: string) => string,
  successor: (answer: Answer) => string | undefined,
): Scenario {
  return (at, of, sessions) => {
    const own = Math.floor(sessions / of);
    // Of ten million, few are asked for.
    const tokens = new Map<number, string>();
    let turn = -1;
    return {
      next: () => {
        turn = (turn + 1) % own;
        return request(tokens.get(turn) ?? tokenOf(at * own + turn));
      },
      took: (answer) => {
        const token = successor(answer);
        if (token === undefined || token === tokens.get(turn)) throw unexpected(answer);
        tokens.set(turn, token);
      },
    };
  };
}

/** Tabs of one browser that wake up together: each presents the session's token before it has seen another's answer. */
function storm(request: (token: string) => string): Scenario {
  const browsers: { tokens: Map<number, string>; session: number; answered: number }[] = [];
  return (at, of, sessions) => {
    const many = Math.ceil(of / TABS);
    const which = Math.floor(at / TABS);
    const browser = (browsers[which] ??= { tokens: new Map(), session: which, answered: 0 });
    let asked = browser.session;
    return {
      next: () => {
        asked = browser.session;
        return request(browser.tokens.get(asked) ?? tokenOf(asked));
      },
      took: (answer) => {
        const token = successorInBody(answer);
        if (token === undefined) throw unexpected(answer);
        browser.tokens.set(asked, token);
        if (asked !== browser.session || ++browser.answered < TABS) return;
        browser.answered = 0;
        browser.session = (browser.session + many) % sessions;
      },
    };
  };
}

/** Sends a request for one session after the other, and is answered with `status`. */
function over(request: (index: number) => string, status: number): Scenario {
  return (at, of, sessions) => {
    let turn = at - of;
    return {
      next: () => {
        turn = (turn + of) % sessions;
        return request(turn);
      },
      took: (answer) => {
        if (answer.status !== status) throw unexpected(answer);
      },
    };
  };
}

function successorInBody({ body }: Answer): string | undefined {
  return /"refreshToken":"([^"]+)"/.exec(body)?.[1];
}

function unexpected({ status, body }: Answer): Error {
  return new Error(`unexpected answer: ${status} ${body.slice(0, 300)}`);
}
