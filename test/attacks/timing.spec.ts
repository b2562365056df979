import { randomBytes } from 'node:crypto';
import { mintRefreshToken, newHandle, readRefreshToken } from '../../src/core/refresh-token.ts';
import { ServiceKeys } from '../../src/http/service-keys.ts';
import { SERVICE_KEY } from '../support/service.ts';
import { report, config } from './call.ts';

const SAMPLES = 1_200;
const CALLS = 60;

/** What calls take, in nanoseconds each, by kind: taken in turns and in changing order, so that a slow moment is shared. */
function time(kinds: readonly (() => void)[]): number[][] {
  const times = kinds.map((): number[] => []);
  for (let warming = 0; warming < 5_000; warming++) for (const kind of kinds) kind();
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (let turn = 0; turn < kinds.length; turn++) {
      const which = (turn + sample) % kinds.length;
      const from = process.hrtime.bigint();
      for (let call = 0; call < CALLS; call++) kinds[which]!();
      times[which]!.push(Number(process.hrtime.bigint() - from) / CALLS);
    }
  }
  return times;
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]!;

/** How often one of `a` took longer than one of `b`: a half if nobody can tell them apart (the Mann-Whitney statistic). */
function longer(a: readonly number[], b: readonly number[]): number {
  const sorted = [...b].sort((x, y) => x - y);
  let pairs = 0;
  for (const value of a) {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < value) low = middle + 1;
      else high = middle;
    }
    pairs += low;
  }
  return pairs / (a.length * b.length);
}

const changed = (text: string, place: number): string =>
  text.slice(0, place) + (text[place] === 'A' ? 'B' : 'A') + text.slice(place + 1);

function describeTimes(times: readonly number[][]): string {
  return times.map((each) => `${(median(each) / 1000).toFixed(2)} µs`).join(' against ');
}

describe('who holds a stopwatch', () => {
  test('learns nothing of how much of a MAC was right', () => {
    const token = mintRefreshToken(
      { handle: newHandle(), generation: 3, deadline: 2 ** 31 },
      config.refreshTokenKeys[0],
    );
    const read = (text: string) => (): void => void readRefreshToken(text, config.refreshTokenKeys);
    const times = time([read(token), read(changed(token, 39)), read(changed(token, token.length - 1))]);
    const [good, atFirst, atLast] = times as [number[], number[], number[]];
    const apart = longer(atLast, atFirst);
    report(
      'a good MAC, one wrong at first, one wrong at last',
      SAMPLES * CALLS * 3,
      `${describeTimes(times)}; wrong at last took longer in ${(apart * 100).toFixed(1)} % of pairs`,
    );
    expect(apart).toBeGreaterThan(0.35);
    expect(apart).toBeLessThan(0.65);
    const ratio = median(good) / median(atFirst);
    expect(ratio).toBeGreaterThan(0.75);
    expect(ratio).toBeLessThan(1.33);
  });

  test('learns nothing of how near a service key was', () => {
    const others = Array.from({ length: 4 }, () => ({
      name: 'x',
      roles: [],
      secret: randomBytes(32).toString('base64'),
    }));
    const keys = new ServiceKeys([...others, ...config.serviceKeys]);
    const call = (secret: string) => (): void => void keys.find(secret);
    const kinds = [SERVICE_KEY, changed(SERVICE_KEY, 0), changed(SERVICE_KEY, SERVICE_KEY.length - 1)];
    const times = time(kinds.map(call));
    const [, far, near] = times as [number[], number[], number[]];
    const apart = longer(near, far);
    report(
      'a good service key, one wrong at first, one wrong at last',
      SAMPLES * CALLS * 3,
      `${describeTimes(times)}; wrong at last took longer in ${(apart * 100).toFixed(1)} % of pairs`,
    );
    expect(apart).toBeGreaterThan(0.35);
    expect(apart).toBeLessThan(0.65);
  });

  test('would see a comparison that works its way through', () => {
    const secret = randomBytes(64).toString('hex');
    const naive = (given: string) => (): void => {
      let same = true;
      for (let round = 0; round < 8 && same; round++)
        for (let place = 0; place < secret.length; place++) {
          if (secret[place] !== given[place]) {
            same = false;
            break;
          }
        }
      if (same && given === '') throw new Error('unreachable');
    };
    const [far, near] = time([naive(changed(secret, 0)), naive(changed(secret, secret.length - 1))]) as [
      number[],
      number[],
    ];
    const apart = longer(near, far);
    report(
      'a naive comparison, for contrast',
      SAMPLES * CALLS * 2,
      `told apart in ${(apart * 100).toFixed(1)} % of pairs`,
    );
    expect(apart).toBeGreaterThan(0.8);
  });
});
