/** What stands in the documents for what only the reader has. */
export interface Samples {
  /** A refresh token, known to dry runs. */
  readonly token: string;
  /** The id of a session. */
  readonly sessionId: string;
}

/** As much of the browser as is used here: the service itself has none. */
declare const document: {
  cookie: string;
  readonly head: { append(element: object): void };
  createElement(tag: 'meta'): { name: string; content: string };
};
declare const location: URL;

/** As much of Swagger UI's requests and answers as is used here. */
interface PageRequest {
  url: string;
  body?: unknown;
  credentials?: string;
  headers: Record<string, string>;
}
interface PageResponse {
  readonly ok: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly obj?: {
    accessToken?: string;
    refreshToken?: string;
    refresh_token?: string;
    session?: { id: string };
    id?: string;
    secret?: string;
  };
}
interface SwaggerUi {
  readonly specSelectors: {
    taggedOperations(): {
      toJS(): Record<string, { operations: { operation: { operationId: string } }[] }>;
    };
  };
  readonly layoutActions: { show(place: string[], shown: boolean): void };
}

/**
 * Runs in the page, as text: it can use nothing but its arguments and the browser. Defines what Swagger UI calls.
 *
 * A request that is no dry run takes the session that was opened here last in place of the samples, so that after
 * `POST /sessions` all others do something at the first click; likewise a client that was registered here last. A cookie that a document names is set for the one request:
 * browsers let no script send the header, and no script set a cookie that a server has set HttpOnly, so a real one stays.
 */
export function inPage(samples: Samples): void {
  const telephones = document.createElement('meta');
  telephones.name = 'viewport';
  telephones.content = 'width=device-width, initial-scale=1';
  document.head.append(telephones);

  const last = { ...samples };
  let client: string | undefined;
  let accessToken: string | undefined;
  const withLast = (text: string): string =>
    text.replaceAll(samples.token, last.token).replaceAll(samples.sessionId, last.sessionId);

  let forgetCookie = (): void => undefined;
  const lendCookie = (name: string, value: string, folder: string): void => {
    const secure = name.startsWith('__') || location.protocol === 'https:' ? '; Secure' : '';
    const attributes = `; Path=${name.startsWith('__Host-') ? '/' : folder}; SameSite=Strict${secure}`;
    document.cookie = `${name}=${value}${attributes}`;
    forgetCookie = () => {
      document.cookie = `${name}=; Max-Age=0${attributes}`;
    };
  };

  const page = {
    /** Opens the first operation of a definition that was picked, ready to be tried. */
    openFirst: (ui: SwaggerUi): void => {
      const [first] = Object.entries(ui.specSelectors.taggedOperations().toJS());
      if (!first) return;
      const [tag, { operations }] = first;
      ui.layoutActions.show(['operations', tag, operations[0]!.operation.operationId], true);
    },

    /** A plugin: keys stay when another definition is picked, where Swagger UI lets go of them. */
    keepKeys: {
      statePlugins: { auth: { wrapActions: { restoreAuthorization: () => () => ({ type: 'kept' }) } } },
    },

    send: (request: PageRequest): PageRequest => {
      const { pathname, searchParams } = new URL(request.url, location.href);
      const toSend = searchParams.get('dryRun') === 'true' ? String : withLast;
      request.url = toSend(request.url);
      if (typeof request.body === 'string') request.body = toSend(request.body);
      if (request.headers['Content-Type'] === 'application/x-www-form-urlencoded') {
        // Else the browser would ask for a password, in a window of its own, where a client is not known.
        request.credentials = 'omit';
        if (client !== undefined) request.headers['Authorization'] ??= `Basic ${btoa(client)}`;
      }
      if (pathname.endsWith('/auth/sessions') || pathname.includes('/auth/sessions/'))
        if (accessToken !== undefined) request.headers['Authorization'] ??= `Bearer ${accessToken}`;
      const { Cookie: cookie, ...headers } = request.headers;
      if (cookie !== undefined) {
        request.headers = headers;
        const [name, value] = toSend(cookie).split('=', 2);
        lendCookie(name!, value!, pathname.slice(0, pathname.lastIndexOf('/')));
      }
      return request;
    },

    receive: (response: PageResponse): PageResponse => {
      forgetCookie();
      const { ok, obj, headers } = response;
      if (ok && headers['dry-run'] !== 'true') {
        accessToken = obj?.accessToken ?? accessToken;
        last.token = obj?.refreshToken ?? obj?.refresh_token ?? last.token;
        last.sessionId = obj?.session?.id ?? last.sessionId;
        if (obj?.secret !== undefined) client = `${obj.id}:${obj.secret}`;
      }
      return response;
    },
  };
  Object.assign(globalThis, { page });
}
