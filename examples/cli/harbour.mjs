#!/usr/bin/env node
// The tool: `harbour login`, `harbour whoami`, `harbour logout`.
import { Session, sessionFile, SignedOut, TryAgain, UnreadableFile } from './session.mjs';

const { RATCHET_URL = 'http://localhost:3000', SERVICE_KEY } = process.env;
const session = new Session({ url: RATCHET_URL, file: sessionFile('harbour') });

const COMMANDS = {
  /** Yours has people sign in with a browser or a device code, at a login backend, which alone has the service key. */
  async login(subject = 'ada') {
    const response = await fetch(new URL('/sessions', RATCHET_URL), {
      method: 'POST',
      headers: { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject, device: 'harbour' }),
    });
    if (!response.ok) throw new TryAgain(`sign-in was answered ${response.status}`);
    await session.signedIn(await response.json());
    return `signed in as ${subject}`;
  },

  /** `--fresh` has the access token renewed, as if an API had answered it 401. */
  async whoami(option) {
    let token = await session.accessToken();
    if (option === '--fresh') token = await session.accessToken(token);
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).sub;
  },

  async logout() {
    return (await session.signOut())
      ? 'signed out'
      : 'signed out here; the service was not reached, and still has the session';
  },
};

/** What to tell people, and the exit status: as sysexits.h has them, so that scripts can tell them apart. */
const ADVICE = [
  [SignedOut, 'sign in again: harbour login', 77],
  [TryAgain, 'try again shortly; you are still signed in', 75],
  [UnreadableFile, 'then: harbour login', 78],
];

const [name, ...options] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, name ?? '')) {
  console.error(`usage: harbour ${Object.keys(COMMANDS).join(' | ')}`);
  process.exit(64);
}
try {
  console.log(await COMMANDS[name](...options));
} catch (error) {
  const [, advice, status] = ADVICE.find(([kind]) => error instanceof kind) ?? [];
  if (!status) throw error;
  console.error(`${error.message}\n${advice}`);
  process.exitCode = status;
}
