import type { Snapshot } from '../../core/session.js';
import type { ToldEvent } from '../../store/session-history.js';
import { eventInWords } from '../history/event-words.js';
import type { Inspection, SessionPage } from '../sessions.service.js';
import { writeCursor } from '../session-view.js';
import type { SignedIn } from './console-session.js';
import { html, type Html, type Part } from './html.js';
import { formToken, notice, query, status, statusOf, time, type Page } from './layout.js';

/**
 * The form to sign in.
 *
 * @param mistake what was wrong with the last try
 */
export function signInPage(next: string, mistake?: string): Page {
  return {
    title: 'Sign in',
    body: html`${notice(mistake)}
      <form method="post" action="/console/sign-in">
        <input type="hidden" name="next" value="${next}" />
        <label>
          Service key
          <input
            name="key"
            type="password"
            autocomplete="current-password"
            required
            autofocus
            aria-describedby="which"
          />
        </label>
        <p id="which" class="quiet">
          The secret of one with the role support or sessions: of help-desk[support]:s3cr3t, s3cr3t.
        </p>
        <button class="main">Sign in</button>
      </form>`,
  };
}

/** Where one finds somebody, and the live picture. */
export function startPage(who: SignedIn, picture: Html): Page {
  return {
    ...{ title: 'Find a person or a session', who, live: true },
    body: html`<form action="/console/find" role="search">
        <label>Subject, or the id of a session <input name="q" required autocomplete="off" /></label>
        <button class="main">Find</button>
      </form>
      <h2>The last five minutes</h2>
      <div class="live">${picture}</div>
      <p class="quiet">Of the process that answers here; all of them are in the metrics.</p>`,
  };
}

/** A person’s sessions. */
export function subjectPage(
  who: SignedIn,
  subject: string,
  { snapshots, next }: SessionPage,
  done?: string,
): Page {
  const living = snapshots.filter((each) => statusOf(each) === 'active').length;
  return {
    ...{ title: subject, who },
    body: html`${notice(done)}
      <p>
        ${living === 0 ? 'No live session' : living === 1 ? 'One live session' : `${living} live sessions`} on
        this page, newest first.
      </p>
      ${
        living > 0 &&
        html`<p class="actions">
          <a class="button danger" href="/console/end?${query({ subject })}">End all of them …</a>
        </p>`
      }
      <ul class="list">
        ${snapshots.map(
          (snapshot) =>
            html`<li>
              <a href="/console/sessions/${snapshot.session.id}"
                >${snapshot.session.device ?? 'A device without a name'}</a
              >
              ${status(snapshot)}<br />
              <small
                >${snapshot.session.clientId}, opened ${time(snapshot.session.createdAt)}, last used
                ${time(snapshot.session.rotatedAt ?? snapshot.session.createdAt)}</small
              >
            </li>`,
        )}
      </ul>
      ${snapshots.length === 0 && html`<p>There is none, and none of the last days.</p>`}
      ${next && html`<p><a href="/console/subjects?${query({ subject, cursor: writeCursor(next) })}">Older ones</a></p>`}`,
  };
}

/**
 * A session, and what happened to it.
 *
 * @param found undefined if its row is gone
 */
export function sessionPage(
  who: SignedIn,
  id: string,
  found: Snapshot | undefined,
  { events, next }: { readonly events: readonly ToldEvent[]; readonly next: bigint | undefined },
  done?: string,
): Page {
  return {
    ...{ title: found?.session.device ?? 'A session', who },
    body: html`${notice(done)}
      ${found ? facts(found) : html`<p>Its row is gone; what happened to it is kept for a while.</p>`}
      <h2>What happened</h2>
      <ol class="list time">
        ${events.map(({ at, event }) => html`<li>${time(at)}<br />${eventInWords(event)}</li>`)}
      </ol>
      ${events.length === 0 && html`<p>Nothing out of the ordinary.</p>`}
      ${next !== undefined && html`<p><a href="/console/sessions/${id}?${query({ before: String(next) })}">What was before</a></p>`}`,
  };
}

function facts(found: Snapshot): Html {
  const { session } = found;
  const { id, subject } = session;
  const rows: readonly [string, Part][] = [
    ['Person', html`<a href="/console/subjects?${query({ subject })}">${subject}</a>`],
    ['Session', html`<code>${id}</code>`],
    ['State', html`${status(found)}${session.revokedBy !== null && ` by ${session.revokedBy}`}`],
    ['Client', session.clientId],
    ['Opened', time(session.createdAt)],
    ['Last refreshed', session.rotatedAt ? time(session.rotatedAt) : 'never'],
    ['Refresh tokens', `${session.generation + 1} given out`],
    ['Ends, if it is idle', time(session.idleExpiresAt)],
    ['Ends at the latest', time(session.expiresAt)],
  ];
  return html`<dl>
      ${rows.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    ${
      statusOf(found) === 'active' &&
      html`<p class="actions">
        <a class="button danger" href="/console/end?${query({ session: id })}">End it …</a>
        <a class="button" href="/console/end?${query({ subject, except: id })}">End all others …</a>
      </p>`
    }`;
}

/** What somebody is about to end: a session, or a subject's, all or all but one. */
export interface Ends {
  readonly session?: string | undefined;
  readonly subject?: string | undefined;
  readonly except?: string | undefined;
}

/** The question before something ends. */
export function endPage(who: SignedIn, ends: Ends): Page {
  const { session, subject = '', except } = ends;
  const what =
    session === undefined
      ? html`<p>
          ${except === undefined ? 'All sessions' : 'All sessions but one'} of <b>${subject}</b> end, and they
          must sign in again there.
        </p>`
      : html`<p>The session <code>${session}</code> ends, and its person must sign in again there.</p>`;
  const back = session ?? except;
  return {
    ...{ title: 'End it?', who },
    body: html`${what}
      <p>Access tokens that are out stay good until they expire. It cannot be undone.</p>
      <form method="post" action="/console/end" class="actions">
        ${formToken(who)}
        ${(Object.entries(ends) as [string, string | undefined][]).map(([name, value]) => value !== undefined && html`<input type="hidden" name="${name}" value="${value}" />`)}
        <button class="danger">End ${session === undefined ? 'them' : 'it'}</button>
        <a
          class="button"
          href="${back === undefined ? html`/console/subjects?${query({ subject })}` : `/console/sessions/${back}`}"
          >Leave as it is</a
        >
      </form>`,
  };
}

/** What a pasted token is; first, the form for it. */
export function inspectPage(who: SignedIn, inspected?: Inspection): Page {
  const { snapshot, text, tokens = [] } = inspected ?? {};
  return {
    ...{ title: 'Inspect a token', who },
    body: html`${notice(text)}
      ${
        snapshot &&
        html`<p>
            It is of the session
            <a href="/console/sessions/${snapshot.session.id}"
              >${snapshot.session.device ?? snapshot.session.id}</a
            >
            of ${snapshot.session.subject}. ${status(snapshot)}
          </p>
          ${
            tokens.length > 0 &&
            html`<h2>Its tokens, by number</h2>
              <ul>
                ${tokens.map(({ generation, outcome }) => html`<li>${generation}: ${outcome}</li>`)}
              </ul>`
          }`
      }
      <form method="post" action="/console/inspect">
        ${formToken(who)}
        <label
          >A refresh token
          <textarea name="token" rows="3" required autocomplete="off" spellcheck="false"></textarea>
        </label>
        <p class="quiet">It is neither used, nor logged, nor kept.</p>
        <button class="main">Inspect</button>
      </form>`,
  };
}

/** A sentence, and the way back. */
export function messagePage(title: string, sentence: string): Page {
  return {
    title,
    body: html`<p>${sentence}</p>
      <p><a href="/console">To the start</a></p>`,
  };
}
