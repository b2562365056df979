const UNITS = [
  [86_400, 'days'],
  [3_600, 'hours'],
  [60, 'minutes'],
] as const;

/** A duration as people say it: from two of a unit on in that unit, `11 seconds` or `3 days`. */
export function durationInWords(seconds: number): string {
  const [length, unit] = UNITS.find(([size]) => seconds >= 2 * size) ?? [1, 'seconds'];
  return `${Math.round(seconds / length)} ${unit}`;
}
