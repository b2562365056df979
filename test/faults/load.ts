import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestService } from '../support/service.ts';

/** How long a request may hang before it counts as a lost connection, in milliseconds. */
const PATIENCE = 10_000;
/** How long waitForProgress waits, in milliseconds. */
const PROGRESS_WITHIN = 60_000;

/** How a load behaves. */
export interface LoadOptions {
  /** Milliseconds between a loop's refreshes; 250 unless told. */
  readonly pause?: number;
  /** Milliseconds before the same token is presented again after a failure; 100 unless told. */
  readonly retryAfter?: number;
}

/** A session that was told to sign in again, or that its request is wrong: what must never happen. */
export interface LostSession {
  readonly status: number;
  readonly body: string;
  /** Which session, as its place among the tokens that the load was started with. */
  readonly index: number;
}

/** What became of a load so far. */
export interface Tally {
  readonly sessions: number;
  /** Refreshes that succeeded. */
  refreshes: number;
  /** How many of them gave another token than the one presented. */
  rotations: number;
  /** Answers by status, and failed connections by their code. */
  readonly answers: Map<string, number>;
  readonly lost: LostSession[];
  /** Answers that are neither a success, nor a refusal, nor a 503. */
  readonly surprises: string[];
  /** The longest that a session went from one success to the next, in milliseconds. */
  longestGap: number;
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/**
 * Sessions that refresh all the time, each with its latest refresh token, as clients that keep a token through
 * failures do: a lost connection or a 503 is asked again, of the next URL, with the same token.
 */
export class Load {
  readonly tally: Tally;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 256 });
  private readonly loops: Promise<void>[];
  /** When each session last succeeded; undefined once it is lost. */
  private readonly succeeded: (number | undefined)[];
  private stopping = false;

  private constructor(
    private readonly urls: () => readonly string[],
    /** Each session's latest refresh token. */
    readonly tokens: string[],
    private readonly options: LoadOptions,
  ) {
    this.tally = {
      sessions: tokens.length,
      refreshes: 0,
      rotations: 0,
      answers: new Map(),
      lost: [],
      surprises: [],
      longestGap: 0,
    };
    this.succeeded = tokens.map(() => performance.now());
    this.loops = tokens.map((_, index) => this.loop(index));
  }

  /** Starts a loop for each token. `urls` are asked for anew before each request: they may come and go. */
  static start(urls: () => readonly string[], tokens: readonly string[], options: LoadOptions = {}): Load {
    return new Load(urls, [...tokens], options);
  }

  /** Waits until every session that is not lost has been refreshed since now, or until `refreshes` were. */
  async waitForProgress(refreshes?: number): Promise<void> {
    const since = performance.now();
    const goal = this.tally.refreshes + (refreshes ?? 0);
    const done = (): boolean =>
      refreshes === undefined
        ? this.succeeded.every((at) => at === undefined || at > since)
        : this.tally.refreshes >= goal || this.succeeded.every((at) => at === undefined);
    while (!done()) {
      if (performance.now() - since > PROGRESS_WITHIN)
        throw new Error(`no progress: ${this.summary()}, ${JSON.stringify([...this.tally.answers])}`);
      await pause(10);
    }
  }

  /** Lets every request that is under way end, and begins no other. */
  async stop(): Promise<Tally> {
    this.stopping = true;
    await Promise.all(this.loops);
    this.agent.destroy();
    return this.tally;
  }

  /** For a scenario's line: sessions, refreshes, and what was lost. */
  summary(): string {
    const { sessions, refreshes, rotations, answers, lost, longestGap } = this.tally;
    const failed = [...answers].filter(([kind]) => kind !== '200').map(([kind, n]) => `${n} x ${kind}`);
    return (
      `${sessions} sessions, ${refreshes.toLocaleString('en')} refreshes (${rotations.toLocaleString('en')} new tokens), ` +
      `${failed.join(', ') || 'no failure'} retried, longest wait ${(longestGap / 1_000).toFixed(1)} s, ${lost.length} lost`
    );
  }

  private async loop(index: number): Promise<void> {
    const { pause: between = 250, retryAfter = 100 } = this.options;
    // So that they do not all come at once.
    await pause(Math.random() * between);
    for (let turn = index; !this.stopping;) {
      const urls = this.urls();
      const reply = urls.length > 0 && (await this.refresh(urls[turn % urls.length]!, this.tokens[index]!));
      if (reply && this.take(index, reply)) {
        if (this.succeeded[index] === undefined) return;
        await pause(between);
      } else {
        turn++;
        await pause(retryAfter);
      }
    }
  }

  /** Counts a reply; false if it is to be asked for again. */
  private take(index: number, { status, body }: Reply): boolean {
    this.count(String(status));
    if (status === 200) {
      const { refreshToken } = JSON.parse(body) as { refreshToken: string };
      if (refreshToken !== this.tokens[index]) this.tally.rotations++;
      this.tokens[index] = refreshToken;
      this.tally.refreshes++;
      const now = performance.now();
      this.tally.longestGap = Math.max(this.tally.longestGap, now - this.succeeded[index]!);
      this.succeeded[index] = now;
      return true;
    }
    if (status >= 400 && status < 500) {
      this.tally.lost.push({ status, body, index });
      this.succeeded[index] = undefined;
      return true;
    }
    if (status !== 503) this.tally.surprises.push(`${status} ${body}`);
    return false;
  }

  private count(kind: string): void {
    this.tally.answers.set(kind, (this.tally.answers.get(kind) ?? 0) + 1);
  }

  private refresh(url: string, refreshToken: string): Promise<Reply | undefined> {
    const { hostname, port } = new URL(url);
    const sent = JSON.stringify({ refreshToken });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
    return new Promise((resolve) => {
      const outgoing = request(
        { agent: this.agent, hostname, port, path: '/auth/refresh', method: 'POST', headers },
        (incoming) => {
          let body = '';
          incoming.setEncoding('utf8');
          incoming.on('data', (chunk: string) => (body += chunk));
          incoming.on('end', () => resolve({ status: incoming.statusCode!, body }));
          incoming.on('error', failed);
        },
      );
      const failed = (error: NodeJS.ErrnoException): void => {
        this.count(error.code ?? error.message);
        resolve(undefined);
      };
      outgoing.on('error', failed);
      outgoing.setTimeout(PATIENCE, () => outgoing.destroy(new Error('no answer')));
      outgoing.end(sent);
    });
  }
}

/** Opens sessions at a service; gives their refresh tokens. */
export async function openSessions(
  service: TestService,
  count: number,
  session: Record<string, unknown> = {},
): Promise<string[]> {
  const tokens: string[] = [];
  while (tokens.length < count) {
    const some = Array.from({ length: Math.min(20, count - tokens.length) }, () => service.open(session));
    tokens.push(...(await Promise.all(some)).map(({ refreshToken }) => refreshToken));
  }
  return tokens;
}

/** How many refreshes came out as `outcome` at a service, by its metrics. */
export async function countOf(outcome: string, service: TestService): Promise<number> {
  const text = await (await service.api('GET', '/metrics')).text();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('ratchet_requests_total{') && line.includes(`outcome="${outcome}"`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
