/**
 * What every answer carries, whoever gives it, errors of the parser too. Answers are data (OWASP REST Security Cheat
 * Sheet): no browser is to render them, whatever it takes them for, no page of another origin is to take them in, and
 * no link from them tells where it stood. The pages at /docs and public documents say otherwise for themselves. A browser
 * that came by HTTPS comes so for a year (RFC 6797); hosts below this one are their owners', whatever is passed on from here.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
} as const;

/** They, as lines of a head. */
export const SECURITY_LINES = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
