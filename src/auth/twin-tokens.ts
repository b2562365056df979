import { Injectable } from '@nestjs/common';
import { accept, refuse, type Flaw, type Outcome } from '../core/refusal.js';
import { isLive, type Snapshot } from '../core/session.js';
import { SessionStore } from '../store/session-store.js';
import { PresentedTokens, type PresentedToken } from './presented-tokens.js';

const OF_SEVERAL_PEOPLE: Flaw = {
  in: 'cookie',
  message: 'the refresh tokens in the cookies are of different people; log out and sign in again',
};

/**
 * Refresh tokens that came together, as cookies of one name: what COOKIE_DOMAIN was is still in the browser beside what
 * it is now, or a neighbouring host has tossed one in.
 */
@Injectable()
export class TwinTokens {
  constructor(
    private readonly tokens: PresentedTokens,
    private readonly store: SessionStore,
  ) {}

  /**
   * The one that is meant: the newest of a session; of several sessions of one person that live, the newest. Refuses as
   * PresentedTokens does if none is genuine, and invalid_request if several people's sessions live: whoever tosses a
   * token of his own in would have others act in his name. Throws Unavailable.
   *
   * @param from the network that they came from
   */
  async choose(texts: readonly string[], from?: string): Promise<Outcome<PresentedToken>> {
    const read = await Promise.all(texts.map((text) => this.readOne(text, from)));
    const bySession = new Map<string, PresentedToken>();
    for (const { value } of read.filter((outcome) => outcome.ok)) {
      const known = bySession.get(value.sessionId);
      if (!known || known.generation < value.generation) bySession.set(value.sessionId, value);
    }
    const [first, second] = bySession.values();
    if (!first) return read[0]!;
    if (!second) return accept(first);
    const live = await this.liveOf([...bySession.keys()]);
    if (new Set(live.map(({ session }) => session.subject)).size > 1)
      return refuse('invalid_request', { flaws: [OF_SEVERAL_PEOPLE] });
    const [newest] = live.toSorted((a, b) => b.session.createdAt.getTime() - a.session.createdAt.getTime());
    return accept(bySession.get(newest?.session.id ?? '') ?? first);
  }

  private async readOne(text: string, from: string | undefined): Promise<Outcome<PresentedToken>> {
    const read = this.tokens.read(text);
    return read.ok ? this.tokens.locate(read.value, { from }) : read;
  }

  private async liveOf(sessionIds: readonly string[]): Promise<Snapshot[]> {
    const found = await Promise.all(sessionIds.map((id) => this.store.find(id)));
    return found.filter((snapshot) => snapshot !== undefined).filter(isLive);
  }
}
