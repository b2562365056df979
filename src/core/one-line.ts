/** Neither control characters nor half a surrogate pair, in place of which another character would be stored. */
export const ONE_LINE = /^[^\p{Cc}\p{Cs}]*$/u;

const TEXT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** Whether a value is a text of one line, of 1 to 255 characters, as the columns for names have it. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && TEXT.test(value);
}
