import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { MetricsRegistry } from '../metrics/metrics-registry.js';

/** What is measured of tokens. */
@Injectable()
export class AuthMetrics {
  private readonly signing: Histogram;
  private readonly read: Counter;
  private readonly moved: Counter;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.signing = new Histogram({
      name: 'ratchet_signing_duration_seconds',
      help: 'Time to sign an access token',
      buckets: [0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01],
      registers,
    });
    this.read = new Counter({
      name: 'ratchet_refresh_tokens_read_total',
      help: 'Genuine refresh tokens that were presented, by the kid of their key: one of which none comes any more may go',
      labelNames: ['kid'],
      registers,
    });
    this.moved = new Counter({
      name: 'ratchet_legacy_tokens_used_total',
      help: 'Sessions of the system before that came with its refresh token for the first time',
      registers,
    });
  }

  /** A session has moved in: the first refresh with its token of the system before. */
  movedIn(): void {
    this.moved.inc();
  }

  /** An access token took so many seconds to sign. */
  signed(seconds: number): void {
    this.signing.observe(seconds);
  }

  /** A genuine refresh token of the key `kid` was read. */
  tokenRead(kid: number): void {
    this.read.inc({ kid: String(kid) });
  }

  /** Has the series of a key from the start: that none of its tokens comes is then a 0, and not an absence. */
  expect(kid: number): void {
    this.read.inc({ kid: String(kid) }, 0);
  }
}
