import { randomInt } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Dice } from '../attacks/mutations.ts';
import type { TestService } from '../support/service.ts';

/** How long a request may hang before it counts as a lost connection, in milliseconds. */
const PATIENCE = 10_000;
/** How long waitForProgress waits, in milliseconds. */
const PROGRESS_WITHIN = 60_000;
const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
/** How many answers in a hundred a client loses. */
const LOSSES = 5;
/** One in so many that lost an answer goes to sleep before it asks again. */
const SLEEPY = 4;
/** What chance brings each client. When it brings it is up to the service: the same seed is not the same history. */
const SEED = Number(process.env['FAULTS_SEED'] ?? randomInt(2 ** 31));

/** How a load behaves. */
export interface LoadOptions {
  /** Milliseconds between a loop's refreshes; 250 unless told. */
  readonly pause?: number;
  /** Milliseconds before the same token is presented again after a failure; 100 unless told. */
  readonly retryAfter?: number;
  /** How many answers in a hundred are lost; 5 unless told. */
  readonly losses?: number;
  /** The share of the clients that may be asleep at a time; a quarter unless told. */
  readonly sleepers?: number;
  /** The most connections; 256 unless told. */
  readonly sockets?: number;
}

/** Moves the database's clock on, by so many milliseconds. */
export type Advance = (milliseconds: number) => Promise<unknown>;

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
  /** Successes whose connection was cut before the client had read them. */
  cut: number;
  /** Successes that the client had read, and died before it stored them. */
  forgotten: number;
  /** How often a client that had lost an answer slept through a night before it asked again. */
  slept: number;
  /** Answers that came, by status, and failed connections by their code. */
  readonly answers: Map<string, number>;
  readonly lost: LostSession[];
  /** Answers that are neither a success, nor a refusal, nor a 503. */
  readonly surprises: string[];
  /** The longest that a client which was awake asked until it had a success, in milliseconds. */
  longestGap: number;
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** When those who sleep wake. */
interface Night {
  readonly over: Promise<void>;
  readonly end: () => void;
}

/**
 * Sessions that refresh all the time, each with the refresh token that its client has stored, as honest clients do: one
 * request at a time, and after a lost connection or a 503 the same token again, at the next URL.
 *
 * Five in a hundred successes never reach the client's store: the connection is cut while they come, or the client dies
 * before it stores them. It then asks again with what it has: soon, or after it has slept through a night.
 */
export class Load {
  readonly tally: Tally;
  private readonly agent: Agent;
  private readonly loops: Promise<void>[];
  /** When each session last succeeded; undefined once it is lost. */
  private readonly succeeded: (number | undefined)[];
  private readonly dice = new Dice(SEED);
  private losses: number;
  private readonly asleep = new Set<number>();
  private night = nightToCome();
  private isNight = false;
  private inFlight = 0;
  private stopping = false;

  private constructor(
    private readonly urls: () => readonly string[],
    /** Each session's latest refresh token. */
    readonly tokens: string[],
    private readonly options: LoadOptions,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: options.sockets ?? 256 });
    this.losses = options.losses ?? LOSSES;
    this.tally = {
      sessions: tokens.length,
      refreshes: 0,
      rotations: 0,
      cut: 0,
      forgotten: 0,
      slept: 0,
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

  /** Waits until every session that is not lost and not asleep has been refreshed since now, or until `refreshes` were. */
  async waitForProgress(refreshes?: number): Promise<void> {
    const since = performance.now();
    const goal = this.tally.refreshes + (refreshes ?? 0);
    const done = (): boolean =>
      refreshes === undefined
        ? this.succeeded.every((at, index) => at === undefined || at > since || this.asleep.has(index))
        : this.tally.refreshes >= goal || this.succeeded.every((at) => at === undefined);
    while (!done()) {
      if (performance.now() - since > PROGRESS_WITHIN)
        throw new Error(`no progress: ${this.summary()}, ${JSON.stringify([...this.tally.answers])}`);
      await pause(10);
    }
  }

  /** Waits until so many more were told 503, or found nobody. */
  async waitForOutage(failures: number): Promise<void> {
    const failed = (): number =>
      [...this.tally.answers].reduce((sum, [kind, times]) => (kind === '200' ? sum : sum + times), 0);
    const [since, goal] = [performance.now(), failed() + failures];
    while (failed() < goal) {
      if (performance.now() - since > PROGRESS_WITHIN) throw new Error(`no outage: ${this.summary()}`);
      await pause(10);
    }
  }

  /**
   * Between a minute and a day passes on the database's clock, and nobody asks meanwhile. Then all are awake, also
   * those who had lost an answer before.
   */
  async sleep(advance: Advance): Promise<void> {
    this.isNight = true;
    const since = performance.now();
    while (this.inFlight > 0) {
      if (performance.now() - since > PROGRESS_WITHIN)
        throw new Error(`${this.inFlight} requests are still under way`);
      await pause(10);
    }
    await advance(MINUTE + this.dice.below(DAY - MINUTE));
    this.wake();
  }

  /** A last night, after which no answer is lost: everybody is back once more. Then it stops. */
  async finish(advance: Advance): Promise<Tally> {
    this.losses = 0;
    await this.sleep(advance);
    await this.waitForProgress();
    return this.stop();
  }

  /** Lets every request that is under way end, and begins no other. */
  async stop(): Promise<Tally> {
    this.stopping = true;
    this.wake();
    await Promise.all(this.loops);
    this.agent.destroy();
    return this.tally;
  }

  /** For a scenario's line: sessions, refreshes, and what was lost. */
  summary(): string {
    const { sessions, refreshes, rotations, cut, forgotten, slept, answers, lost, longestGap } = this.tally;
    const failed = [...answers].filter(([kind]) => kind !== '200').map(([kind, n]) => `${n} x ${kind}`);
    return (
      `${sessions} sessions, ${refreshes.toLocaleString('en')} refreshes (${rotations.toLocaleString('en')} new tokens), ` +
      `${failed.join(', ') || 'no failure'} retried, ${cut} answers cut off, ${forgotten} not stored, ${slept} of these ` +
      `slept on, longest wait ${(longestGap / 1_000).toFixed(1)} s, ${lost.length} lost (FAULTS_SEED=${SEED})`
    );
  }

  private async loop(index: number): Promise<void> {
    const { pause: between = 250, retryAfter = 100 } = this.options;
    const dice = new Dice(SEED + 1 + index);
    let askingSince: number | undefined;
    // So that they do not all come at once.
    await pause(dice.below(between));
    for (let turn = index; !this.stopping;) {
      if (this.isNight || this.asleep.has(index)) {
        await this.night.over;
        await pause(dice.below(between));
        askingSince = undefined;
        continue;
      }
      askingSince ??= performance.now();
      const urls = this.urls();
      const url = urls[turn % urls.length];
      const came = url === undefined ? 'nothing' : await this.ask(index, url, dice);
      if (came === 'refusal') return;
      if (came === 'success') {
        this.tally.longestGap = Math.max(this.tally.longestGap, performance.now() - askingSince);
        askingSince = undefined;
        await pause(between);
      } else {
        turn++;
        if (came === 'lost' && dice.oneIn(SLEEPY)) this.fallAsleep(index);
        await pause(retryAfter);
      }
    }
  }

  /** Asks once, and does with the answer what a client does. */
  private async ask(
    index: number,
    url: string,
    dice: Dice,
  ): Promise<'success' | 'lost' | 'refusal' | 'nothing'> {
    const mishap = dice.below(100) < this.losses ? dice.of(['cut', 'forgotten'] as const) : undefined;
    const reply = await this.refresh(url, this.tokens[index]!, mishap === 'cut');
    if (!reply) return 'nothing';
    const { status, body } = reply;
    if (status === 200 && mishap) {
      this.tally[mishap]++;
      return 'lost';
    }
    this.count(String(status));
    if (status === 200) {
      const { refreshToken } = JSON.parse(body) as { refreshToken: string };
      if (refreshToken !== this.tokens[index]) this.tally.rotations++;
      this.tokens[index] = refreshToken;
      this.tally.refreshes++;
      this.succeeded[index] = performance.now();
      return 'success';
    }
    if (status >= 400 && status < 500) {
      this.tally.lost.push({ status, body, index });
      this.succeeded[index] = undefined;
      return 'refusal';
    }
    if (status !== 503) this.tally.surprises.push(`${status} ${body}`);
    return 'nothing';
  }

  private fallAsleep(index: number): void {
    const { sleepers = 0.25 } = this.options;
    if (this.asleep.size >= sleepers * this.tokens.length) return;
    this.asleep.add(index);
    this.tally.slept++;
  }

  private wake(): void {
    this.isNight = false;
    this.asleep.clear();
    this.night.end();
    this.night = nightToCome();
  }

  private count(kind: string): void {
    this.tally.answers.set(kind, (this.tally.answers.get(kind) ?? 0) + 1);
  }

  /** @param cut whether a success does not come through */
  private refresh(url: string, refreshToken: string, cut: boolean): Promise<Reply | undefined> {
    const { hostname, port } = new URL(url);
    const sent = JSON.stringify({ refreshToken });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
    return new Promise((resolve) => {
      const outgoing = request(
        { agent: this.agent, hostname, port, path: '/auth/refresh', method: 'POST', headers },
        (incoming) => {
          if (cut && incoming.statusCode === 200) {
            incoming.destroy();
            resolve({ status: 200, body: '' });
            return;
          }
          let body = '';
          incoming.setEncoding('utf8');
          incoming.on('data', (chunk: string) => (body += chunk));
          incoming.on('end', () => resolve({ status: incoming.statusCode!, body }));
          incoming.on('error', failed);
        },
      );
      const failed = (error: NodeJS.ErrnoException): void => {
        if (givenUp) return;
        this.count(error.code ?? error.message);
        resolve(undefined);
      };
      let givenUp = false;
      this.inFlight++;
      outgoing.on('error', failed);
      outgoing.on('close', () => this.inFlight--);
      // The client gives up, but what it has sent is still under way: no night may fall on it.
      outgoing.setTimeout(PATIENCE, () => {
        failed(new Error('no answer'));
        givenUp = true;
      });
      outgoing.end(sent);
    });
  }
}

function nightToCome(): Night {
  let end!: () => void;
  const over = new Promise<void>((resolve) => (end = resolve));
  return { over, end };
}

/** Moves a database's clock on over a connection of its own, as when its server was started anew. */
export async function advanceClock(url: string, milliseconds: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // Whatever else a server forgets when it dies: what time it was it does not.
  await client.query('SET synchronous_commit = on');
  await client.query(`UPDATE clock.shift SET by = by + $1 * interval '1 millisecond'`, [milliseconds]);
  await client.end();
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
