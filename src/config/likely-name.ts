/** Shorter ones begin or resemble too many. */
const LEAST_CHARS = 3;

/**
 * The one of `known` that whoever wrote `name` probably meant: the same but for case and separators (`client_id`), one
 * that it begins or that begins it, or else the nearest, by at most half of its letters. Undefined if none is near.
 */
export function likelyName(name: string, known: readonly string[]): string | undefined {
  const given = letters(name);
  const same = known.find((candidate) => letters(candidate) === given);
  if (same !== undefined || given.length < LEAST_CHARS) return same;
  const begun = known.find(
    (candidate) => letters(candidate).startsWith(given) || given.startsWith(letters(candidate)),
  );
  if (begun !== undefined) return begun;
  const [nearest] = known
    .map((candidate) => ({ candidate, changes: changesBetween(given, letters(candidate)) }))
    .sort((one, other) => one.changes - other.changes);
  return nearest && nearest.changes <= given.length / 2 ? nearest.candidate : undefined;
}

/** The one of `known` that `name` misspells by a letter in five; undefined if it is too unlike them all. */
export function misspeltName(name: string, known: readonly string[]): string | undefined {
  const given = letters(name);
  const most = Math.floor(given.length / 5);
  return known.find((candidate) => changesBetween(given, letters(candidate)) <= most);
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** How many letters must be put in, left out or replaced to make one of the other (Levenshtein 1965). */
function changesBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let index = 0; index < one.length; index++) {
    const next = [index + 1];
    for (const [at, above] of row.slice(1).entries())
      next.push(Math.min(above + 1, next[at]! + 1, row[at]! + (one[index] === other[at] ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}
