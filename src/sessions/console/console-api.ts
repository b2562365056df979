import type { ErrorReply } from '../../http/errors/error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from '../../http/errors/http-refusal.js';
import { defaultErrors } from '../../http/errors/default-errors.js';
import type { MountedApi } from '../../http/mounted-apis.js';
import { whole } from './layout.js';
import { messagePage } from './pages.js';

/** Of each page: it draws nothing that is not the service's own, is in no frame, and nobody keeps it. */
export const CONSOLE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  // With none at all, a form would say that it came from nowhere, and an older browser says nothing else.
  'referrer-policy': 'same-origin',
} as const;

const SENTENCES: Readonly<Partial<Record<HttpRefusalReason, string>>> = {
  not_found: 'There is no such page or session, and was none that is remembered.',
  unavailable: 'The database does not answer just now. Nothing was done; try again in a moment.',
  origin_not_allowed:
    'The form was of another page, or too old. Nothing was done; go back, load the page anew, and try again.',
  rate_limited: 'Too many wrong service keys from your address. Wait a minute.',
};

/** The console, as the rest of HTTP knows it: forms, and errors as pages. */
export const CONSOLE_API: MountedApi = {
  folder: '/console',
  routes: {
    ...Object.fromEntries(
      ['', '/style.css', '/live.js', '/live', '/find', '/subjects'].map((path) => [
        `/console${path}`,
        ['GET'],
      ]),
    ),
    '/console/sessions/:id': ['GET'],
    '/console/sign-in': ['GET', 'POST'],
    '/console/sign-out': ['POST'],
    '/console/end': ['GET', 'POST'],
    '/console/inspect': ['GET', 'POST'],
  },
  reads: 'application/x-www-form-urlencoded',
  errors: errorPage,
  dryRunPaths: [],
};

function errorPage(refusal: HttpRefusal): ErrorReply {
  const { status, body } = defaultErrors(refusal);
  const { message } = body as { message: string };
  const flaws = refusal.flaws?.map((flaw) => flaw.message).join('; ');
  const sentence = SENTENCES[refusal.reason] ?? `${message}${flaws ? `: ${flaws}` : ''}.`;
  const headers = { ...CONSOLE_HEADERS, 'content-type': 'text/html; charset=utf-8' };
  return { status, body: whole(messagePage(String(status), sentence)), headers };
}
