import type { HttpAdapter, HttpRequest, HttpResponse } from './real-client.ts';

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/**
 * What a browser is to the client of nest-auth: it keeps cookies that no script sees, sends each where its path says,
 * and lets the page read bodies. (Node's fetch keeps no cookies.)
 */
export class Browser implements HttpAdapter {
  readonly cookies = new Map<string, Cookie>();
  /** All that scripts of the page could read so far. */
  seenByPage = '';

  /** Keeps the cookie of a Set-Cookie header; one without a lifetime is cleared. */
  keep(setCookie: string): void {
    const [pair, ...rest] = setCookie.split('; ');
    const [name, value] = splitOnce(pair!);
    const attributes = new Map(rest.map((attribute) => splitOnce(attribute)));
    if (Number(attributes.get('Max-Age')) > 0) this.cookies.set(name, { name, value, attributes });
    else this.cookies.delete(name);
  }

  /** The cookies for a path, as a request carries them. */
  cookiesFor(path: string): string {
    return [...this.cookies.values()]
      .filter(({ attributes }) => `${path}/`.startsWith(attributes.get('Path')!.replace(/\/?$/, '/')))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  async request({ url, method, headers, body }: HttpRequest): Promise<HttpResponse> {
    const cookie = this.cookiesFor(new URL(url).pathname);
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(cookie && { cookie }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    for (const setCookie of response.headers.getSetCookie()) this.keep(setCookie);
    const text = await response.text();
    this.seenByPage += text;
    return { status: response.status, ok: response.ok, data: JSON.parse(text) as unknown, headers: {} };
  }
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
