import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import { MetricsRegistry } from '../../metrics/metrics-registry.js';
import { html, type Html } from './html.js';

/** In milliseconds, and how many of them are shown. */
const EVERY = 5_000;
const SHOWN = 60;

/** What of a counter is counted. */
interface Line {
  readonly name: string;
  readonly metric: string;
  readonly only?: Readonly<Record<string, string>>;
}

const LINES: readonly Line[] = [
  { name: 'refreshes', metric: 'ratchet_refreshes_total' },
  { name: 'refusals', metric: 'ratchet_requests_total', only: { outcome: 'refused', dry_run: 'false' } },
  { name: 'forced logouts', metric: 'ratchet_forced_logouts_total' },
];

/** Refreshes, refusals and forced logouts of the last minutes, as this process has counted them. */
@Injectable()
export class LivePicture implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly samples: number[][] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly registry: MetricsRegistry,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.config.console) return;
    void this.sample();
    this.timer = setInterval(() => void this.sample(), EVERY).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** What it shows now. */
  draw(): Html {
    return html`${LINES.map(({ name }, at) => {
      const counts = this.samples.slice(1).map((sample, index) => sample[at]! - this.samples[index]![at]!);
      const sum = counts.reduce((all, each) => all + each, 0);
      const most = Math.max(1, ...counts);
      const points = counts.map(
        (count, x) => `${x + SHOWN - counts.length},${(20 - (18 * count) / most).toFixed(1)}`,
      );
      return html`<figure>
        <figcaption><b>${sum}</b> ${name}</figcaption>
        <svg
          viewBox="0 0 ${SHOWN} 21"
          preserveAspectRatio="none"
          role="img"
          aria-label="${name} in the last five minutes: ${sum}, at most ${counts.length > 0 ? most : 0} in five seconds"
        >
          <polyline points="${points.join(' ')}" />
        </svg>
      </figure>`;
    })}`;
  }

  /** Takes down what the counters stand at. */
  async sample(): Promise<void> {
    const sums = await Promise.all(LINES.map((line) => this.sumOf(line)));
    this.samples.push(sums);
    if (this.samples.length > SHOWN + 1) this.samples.shift();
  }

  private async sumOf({ metric, only = {} }: Line): Promise<number> {
    const { values } = (await this.registry.getSingleMetric(metric)?.get()) ?? { values: [] };
    return values
      .filter(({ labels }) => Object.entries(only).every(([name, value]) => labels[name] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }
}
