import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { refuse, type Flaw, type Outcome } from '../core/refusal.js';
import { Clock } from './clock.js';
import type { Turned } from './ratchet.js';
import type { PresentedToken } from './presented-tokens.js';
import { trySample } from './sample-tokens.js';
import { DryRunMint } from './token-mint.js';

const SAMPLES_ONLY: Flaw = {
  in: 'query',
  name: 'dryRun',
  message: 'dry runs are for the documented sample tokens only, such as abc123.def456',
};

/** What a dry run has beside the engine: sample tokens, and a mint whose tokens open nothing. */
@Injectable()
export class DryRuns {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    readonly mint: DryRunMint,
    private readonly clock: Clock,
  ) {}

  /**
   * What a documented sample token comes to; undefined if `text` is not one and is to be looked at as for real. Where
   * only samples may be tried, every other token is refused unread (invalid_request): to who has stolen one, an answer
   * that differs would say whether it is current.
   */
  sample(text: string | undefined): Outcome<{ token: PresentedToken; turned: Turned }> | undefined {
    const sample = trySample(text, this.clock.now());
    if (sample || !text || this.config.dryRun !== 'samples') return sample;
    return refuse('invalid_request', { flaws: [SAMPLES_ONLY] });
  }
}
