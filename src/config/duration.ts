const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads a duration such as `10s`, `15m`, `14d` or `0`, in milliseconds; undefined if it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] : undefined;
}

/** Writes milliseconds the way parseDuration reads them, in the largest unit that leaves no rest. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0';
  const [unit, size] = (Object.entries(UNITS) as [string, number][])
    .reverse()
    .find(([, candidate]) => milliseconds % candidate === 0)!;
  return `${milliseconds / size}${unit}`;
}
