import { once } from 'node:events';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { startService } from '../../examples/start-service.mjs';

const BROWSER = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** No call home, and no name but ours: `*.example` and `*.localhost` are this machine, as are localhost and 127.0.0.1. */
const BROWSER_FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP *.example 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

/** What a browser test needs: services, sites and a browser, all of which `clear` takes away again. */
export class BrowserEnvironment {
  #cleanUps = [];

  /** The built service in a process of its own, on an embedded database of its own. */
  async service(settings = {}) {
    const { url, serviceKey, stop } = await startService(settings);
    this.#cleanUps.push(stop);
    return new Service(url, serviceKey);
  }

  /** A web site of someone else's; `answer` may write headers before the empty page. Gives its port. */
  async site(answer = () => undefined) {
    const server = createServer((request, response) => {
      response.setHeader('content-type', 'text/html');
      Promise.resolve(answer(request, response)).then(
        () => response.end('<!doctype html><title>A site</title>'),
        (error) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#cleanUps.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return server.address().port;
  }

  async browser() {
    const handlers = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
    const options = { executablePath: BROWSER, args: BROWSER_FLAGS, ...handlers };
    const browser = await chromium.launch(options).catch((error) => {
      throw new Error(`No browser. Set CHROMIUM_PATH to a Chromium or Chrome (now ${BROWSER}).`, {
        cause: error,
      });
    });
    this.#cleanUps.push(() => browser.close());
    return browser;
  }

  /** Takes everything away, the last first; what cannot be taken away does not keep the rest. */
  async clear() {
    const failures = [];
    for (const cleanUp of this.#cleanUps.splice(0).reverse()) {
      try {
        await cleanUp();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything was cleaned up');
  }
}

/** A running service, as a login backend sees it. */
class Service {
  constructor(url, key) {
    this.url = url;
    this.key = key;
  }

  /** Opens a session: it, both tokens and the value of a Set-Cookie. */
  open(subject = 'ada') {
    return this.#call('/sessions', { method: 'POST', body: JSON.stringify({ subject }) });
  }

  /** The session as it is now. */
  session(id) {
    return this.#call(`/sessions/${id}`, {});
  }

  async #call(path, options) {
    const headers = { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' };
    const response = await fetch(this.url + path, { headers, ...options });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}

/** What a token says of itself: its header and its claims, not verified. */
export function readJwt(token) {
  const [header, claims] = token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  return { header, claims };
}
