import { setTimeout as pause } from 'node:timers/promises';
import { TestDatabase } from '../../support/database.ts';
import { spawnService, type OpenedSession, type TestService } from '../../support/service.ts';
import { advanceClock, countOf, Load, openSessions } from '../load.ts';
import type { PatroniCluster } from './patroni-cluster.ts';
import type { PatroniNode } from './patroni-node.ts';

/** Sessions under load. */
export const SESSIONS = 200;
/** Further ones, which are ended one after the other. */
const TO_END = 200;
/** Milliseconds between two of these ends. */
const END_EVERY = 100;

/** What came of presenting the tokens of ended sessions, by status. */
export type Answers = Readonly<Record<number, number>>;

/**
 * Two services on a cluster under load, and somebody who ends sessions all the while: by logging out, and by the
 * sessions API.
 */
export class Drill {
  /** Tokens of the sessions whose end was answered with success. */
  readonly ended: string[] = [];
  private readonly ending: Promise<void>;
  private stopping = false;

  private constructor(
    private readonly cluster: PatroniCluster,
    private readonly database: string,
    private readonly services: readonly TestService[],
    private readonly toEnd: OpenedSession[],
    readonly load: Load,
  ) {
    this.ending = this.endSessions();
  }

  /** Starts it, and waits until all sessions have turned. @param hosts what `DATABASE_URL` names */
  static async start(cluster: PatroniCluster, hosts: string): Promise<Drill> {
    const { leader } = await cluster.isWhole();
    const database = await TestDatabase.create(leader.url());
    const url = database.url.replace(`127.0.0.1:${leader.port}`, hosts);
    const settings = { DATABASE_URL: url, ROTATION_GRACE: '5s' };
    const services = [await spawnService(settings), await spawnService(settings)];
    const tokens = await openSessions(services[0]!, SESSIONS);
    const toEnd: OpenedSession[] = [];
    while (toEnd.length < TO_END) toEnd.push(await services[0]!.open());
    // Nobody sleeps while the cluster fails: whoever was given a token comes back with it soon.
    const load = Load.start(() => services.map((service) => service.url), tokens, { sleepers: 0 });
    const name = new URL(database.url).pathname.slice(1);
    const drill = new Drill(cluster, name, services, toEnd, load);
    await load.waitForProgress(5 * SESSIONS);
    await load.sleep((milliseconds) => database.advance(milliseconds));
    await load.waitForProgress(SESSIONS);
    return drill;
  }

  /** Waits until `count` more sessions have been ended. */
  async waitForEnds(count: number): Promise<void> {
    const goal = this.ended.length + count;
    while (this.ended.length < goal && this.toEnd.length > 0) await pause(10);
  }

  /** How many refreshes showed that the database had lost commits. */
  async healed(): Promise<number> {
    const counts = await Promise.all(this.services.map((service) => countOf('fast-forward', service)));
    return counts.reduce((sum, each) => sum + each);
  }

  /** Presents the tokens of ended sessions at both services, all over again until `over` is there. */
  async presentUntil<T>(over: Promise<T>, tokens: readonly string[]): Promise<Answers> {
    let isOver = false;
    const waiting = over.finally(() => (isOver = true));
    const answers: Record<number, number> = {};
    const present = async (service: TestService, offset: number): Promise<void> => {
      for (let turn = offset; !isOver; turn++) {
        const { status } = await service.refresh(tokens[turn % tokens.length]!);
        answers[status] = (answers[status] ?? 0) + 1;
        await pause(10);
      }
    };
    await Promise.all([waiting, ...this.services.flatMap((each) => [present(each, 0), present(each, 7)])]);
    return answers;
  }

  /** Ends no more sessions, lets everybody refresh a last time, and says how many of the ended sessions are alive. */
  async finish(): Promise<number> {
    const { leader } = await this.cluster.isWhole();
    this.stopping = true;
    await this.ending;
    let alive = 0;
    for (const token of this.ended) if (await this.isAlive(token)) alive++;
    await this.load.finish((milliseconds) => advanceClock(leader.url(this.database), milliseconds));
    return alive;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.load.stop();
    await this.ending;
    await Promise.all(this.services.map((service) => service.stop()));
  }

  private async isAlive(token: string): Promise<boolean> {
    for (let tried = 0; ; tried++) {
      const { status } = await this.services[tried % 2]!.refresh(token);
      if (status === 200) return true;
      if (status === 401) return false;
      if (tried === 50) throw new Error(`an ended session is answered ${status}`);
      await pause(100);
    }
  }

  private async endSessions(): Promise<void> {
    for (let turn = 0; !this.stopping && this.toEnd.length > 0; turn++) {
      const { session, refreshToken } = this.toEnd[0]!;
      const service = this.services[turn % 2]!;
      const { status } =
        turn % 4 < 2
          ? await service.post('/auth/logout', { refreshToken })
          : await service.api('DELETE', `/sessions/${session.id}`);
      if (status === 204) {
        this.ended.push(refreshToken);
        this.toEnd.shift();
      } else if (status !== 503) throw new Error(`the end of a session is answered ${status}`);
      await pause(END_EVERY);
    }
  }
}

/** How long a node that was thawed goes on taking writes, in milliseconds: until Patroni there sees that it was replaced. */
export async function takesWritesFor(node: PatroniNode): Promise<number> {
  const since = performance.now();
  let last = since;
  // Once stopped it comes back as a standby, so a second without a write is the end.
  while (performance.now() - last < 1_000 || performance.now() - since < 5_000) {
    if (await node.takesWrites()) last = performance.now();
    await pause(5);
  }
  return last - since;
}
