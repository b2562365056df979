import { Gauge } from 'prom-client';
import type { MetricsRegistry } from '../metrics/metrics-registry.js';
import type { KeyRingSigner } from './key-ring-signer.js';

/** Measures how old the signing key is, and when the next one is to take its place: as points in time, as Prometheus has it. */
export function measureKeyRing(registry: MetricsRegistry, signer: KeyRingSigner): void {
  const registers = [registry];
  new Gauge({
    name: 'ratchet_signing_key_activated_timestamp_seconds',
    help: 'From when on the key signs that signs now',
    aggregator: 'min',
    registers,
    collect() {
      const since = signer.turns()?.since;
      if (since) this.set(since.getTime() / 1_000);
    },
  }).remove();
  new Gauge({
    name: 'ratchet_signing_key_next_timestamp_seconds',
    help: 'When the next one is to sign: if that is past, no key has been made in time',
    aggregator: 'min',
    registers,
    collect() {
      const next = signer.turns()?.next;
      if (next) this.set(next.getTime() / 1_000);
    },
  }).remove();
}
