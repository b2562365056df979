/** The two sides of the first `separator`; the second is empty if there is none. */
export function splitOnce(item: string, separator = ':'): [string, string] {
  const at = item.indexOf(separator);
  return at < 0 ? [item, ''] : [item.slice(0, at), item.slice(at + 1)];
}

/** The first name that is there twice. */
export function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

/** The URL that `text` is, or undefined. */
export function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Whether `text` is a path that a route can have as it is written, such as `/watchr` or `/one/tenant`. */
export function isPlainPath(text: string): boolean {
  return /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.~-]+)+$/.test(text);
}
