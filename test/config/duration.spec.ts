import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';

describe('an operator who writes a duration', () => {
  test.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['14d', 1_209_600_000],
    ['0', 0],
    ['0s', 0],
    ['007s', 7_000],
  ])('as %j means %d milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each([
    ...['', ' ', '10', '10 s', ' 10s', '10s ', '10s\n', '00'],
    ...['10S', '10sec', '10w', 's', 'ms', '10s5m', 's10', '1234567890s'],
    ...['-1s', '+1s', '1.5h', '1,5h', '1e3s', '0x1s', '٣s', 'NaN', 'Infinity'],
  ])('as %j is told that it is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('reads it back in the largest unit that leaves no rest', () => {
    expect(
      [0, 1, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000, 90_000_000].map(formatDuration),
    ).toEqual(['0', '1ms', '1s', '1500ms', '1m', '90s', '1h', '1d', '25h']);
  });

  test('reads back the same duration, whatever it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});
