import { isExpired, type Snapshot } from '../../core/session.js';
import type { SignedIn } from './console-session.js';
import { html, type Html } from './html.js';

/** A page of the console. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Who looks at it; absent before they sign in. */
  readonly who?: SignedIn | undefined;
  /** Whether it has the live picture. */
  readonly live?: boolean;
}

/** The whole of a page, as it is sent. */
export function whole({ title, body, who, live = false }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} - Ratchet</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/console/style.css" />
        ${live && html`<script src="/console/live.js" defer></script>`}
      </head>
      <body>
        <header>
          <a href="/console"><b>Ratchet</b> console</a>
          ${
            who &&
            html`<a href="/console/inspect">Inspect a token</a>
              <form method="post" action="/console/sign-out">
                ${formToken(who)}<small>${who.key.name}</small><button>Sign out</button>
              </form>`
          }
        </header>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`
    .toString()
    .trimStart();
}

/** What each form must bring along. */
export function formToken({ formToken: token }: SignedIn): Html {
  return html`<input type="hidden" name="form" value="${token}" />`;
}

/** A sentence to be read first, if there is one. */
export function notice(sentence: string | undefined): Html | undefined {
  return sentence === undefined ? undefined : html`<p class="notice" role="status">${sentence}</p>`;
}

/** What has become of a session. */
export function statusOf(snapshot: Snapshot): 'active' | 'ended' | 'expired' {
  if (snapshot.session.revokedAt) return 'ended';
  return isExpired(snapshot) ? 'expired' : 'active';
}

/** The same, as a mark. */
export function status(snapshot: Snapshot): Html {
  return html`<span class="status">${statusOf(snapshot)}</span>`;
}

/** A time, for people and programs to read. */
export function time(at: Date): Html {
  return html`<time datetime="${at.toISOString()}"
    >${at.toISOString().slice(0, 19).replace('T', ' ')} UTC</time
  >`;
}

/** The query of an address; it is escaped as what it stands in. */
export function query(parameters: Record<string, string>): string {
  return new URLSearchParams(parameters).toString();
}
