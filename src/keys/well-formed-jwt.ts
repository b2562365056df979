/** The times of a JWT, in seconds since the epoch (RFC 7519 section 4.1). */
const TIMES = ['exp', 'nbf', 'iat'];

/**
 * Whether `token` is a JWT in its compact form by the letter, which libraries take less strictly: three parts of
 * base64url, each in its one spelling, without padding or blanks (RFC 7515 sections 2 and 7.1); a header that asks for no
 * extension, none being known here (section 4.1.11); and times that are numbers (RFC 7519 section 2). What it says and
 * who signed it is not looked at.
 */
export function isWellFormedJwt(token: string): boolean {
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every(isBase64url)) return false;
  const [header, claims] = parts.slice(0, 2).map(objectIn);
  return (
    header !== undefined &&
    claims !== undefined &&
    !('crit' in header || 'b64' in header) &&
    TIMES.every((time) => !(time in claims) || isNumericDate(claims[time]))
  );
}

function isBase64url(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}

function objectIn(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** JSON has numbers that are beyond any time: 1e400 is read as infinity. */
function isNumericDate(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}
