/** Scope values separated by single spaces (RFC 6749 section 3.3). */
export const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*$/;

/** Whether every value of `scope` is one of `widest`; nothing bounds a null `widest`. */
export function isWithinScope(scope: string, widest: string | null): boolean {
  if (widest === null) return true;
  const granted = new Set(widest.split(' '));
  return scope.split(' ').every((value) => granted.has(value));
}
