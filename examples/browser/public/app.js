import { Session, SignedOut, Unavailable } from './session.js';

const { ratchetUrl } = await (await fetch('/config.json')).json();
const session = new Session({ url: ratchetUrl });
const find = (id) => document.getElementById(id);

session.addEventListener('change', () =>
  session.claims ? showDashboard() : showSignIn('You are signed out.'),
);
session.addEventListener('note', ({ detail }) => note(detail));
find('again').addEventListener('click', open);
find('ask').addEventListener('click', () => ask(1));
find('ask-ten').addEventListener('click', () => ask(10));
find('sign-out').addEventListener('click', () => withBanner(() => session.signOut()));
find('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  void signIn(event.target);
});
setInterval(showWhatIsLeft, 1000);
await open();

/** Whoever has a session sees the dashboard, whoever has none the form; while that is not known, neither. */
async function open() {
  find('again').hidden = true;
  find('opening-text').textContent = 'Opening…';
  try {
    if (!(await session.resume())) showSignIn('Sign in to see today’s arrivals.');
  } catch (error) {
    find('opening-text').textContent = sentenceOf(error);
    find('again').hidden = false;
  }
}

async function signIn(form) {
  const button = form.querySelector('button');
  button.disabled = true;
  find('sign-in-error').textContent = '';
  try {
    const response = await fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const { accessToken, message } = await response.json();
    if (accessToken) session.signedIn(accessToken);
    else find('sign-in-error').textContent = message;
  } catch {
    find('sign-in-error').textContent = 'No connection. Please try again.';
  } finally {
    button.disabled = false;
  }
}

async function ask(times) {
  find('answers').textContent = '';
  await withBanner(async () => {
    const responses = await Promise.all(Array.from({ length: times }, () => session.fetch('/api/arrivals')));
    const good = responses.filter(({ ok }) => ok);
    find('answers').textContent = `${good.length} of ${times} answered`;
    if (good.length > 0) showArrivals((await good[0].json()).arrivals);
  });
}

/** Tells in a banner what cannot be done just now. A change to the sign-in form speaks for itself. */
async function withBanner(act) {
  find('banner').hidden = true;
  try {
    await act();
  } catch (error) {
    if (error instanceof SignedOut) return;
    find('banner').textContent = sentenceOf(error);
    find('banner').hidden = false;
  }
}

function sentenceOf(error) {
  if (!(error instanceof Unavailable)) return `Something is wrong: ${error.message}`;
  const seconds = Math.ceil(error.wait / 1000);
  return `${error.message}. You stay signed in; please try again in ${seconds} second${seconds === 1 ? '' : 's'}.`;
}

function showDashboard() {
  document.body.dataset.view = 'dashboard';
  find('banner').hidden = true;
  find('name').textContent = session.claims.name;
  showWhatIsLeft();
  void ask(1);
}

function showSignIn(why) {
  document.body.dataset.view = 'sign-in';
  find('why').textContent = why;
  // What was on the screen is nobody's any more.
  find('arrivals').replaceChildren();
  find('name').textContent = '';
}

function showArrivals(arrivals) {
  find('arrivals').replaceChildren(
    ...arrivals.map(({ due, ship, from, berth }) => {
      const row = document.createElement('tr');
      row.append(...[due, ship, from, berth].map((text) => element('td', text)));
      return row;
    }),
  );
}

function showWhatIsLeft() {
  if (!session.claims) return;
  const { exp, iat } = session.claims;
  const seconds = Math.max(0, Math.round((session.expiresAt - Date.now()) / 1000));
  find('left').value = seconds / (exp - iat);
  find('left-text').textContent = seconds === 0 ? 'Expired' : `Good for ${minutesOf(seconds)}`;
}

function minutesOf(seconds) {
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`;
}

function note({ kind, text }) {
  if (kind === 'waiting') find('opening-text').textContent = text;
  const item = element('li', text);
  item.dataset.kind = kind;
  item.prepend(element('time', new Date().toLocaleTimeString()), element('b', kind));
  find('notes').prepend(item);
  while (find('notes').childElementCount > 50) find('notes').lastElementChild.remove();
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
