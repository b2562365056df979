/**
 * What goes with every 401, as RFC 9110 section 15.5.2 has it: a scheme that makes no browser ask for a password.
 *
 * @param error of RFC 6750 section 3.1; absent where no credentials came
 */
export function bearerChallenge(error?: string): string {
  return error === undefined ? REALM : `${REALM}, error="${error}"`;
}

const REALM = 'Bearer realm="ratchet"';
