import { randomBytes } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an issuer does to whoever asks: as it should, or as told. */
type Mood = 'well' | 'slow' | ((response: ServerResponse) => void);

/**
 * A token endpoint with the strictest rotation there is: a token is good once, to the second, and its second use ends its family
 * (Auth0 without a reuse interval).
 */
export class AnIssuer {
  mood: Mood = 'well';
  /** How often it was asked, and how often it has exchanged a token. */
  asked = 0;
  redeemed = 0;
  /** What it was last asked with. */
  last:
    { form: URLSearchParams; authorization: string | undefined; headers: IncomingHttpHeaders } | undefined;
  private readonly live = new Map<string, object>();
  private readonly waiting: (() => void)[] = [];
  private server: Server | undefined;

  /** Starts it; where its endpoint is. */
  async start(): Promise<string> {
    const server = createServer((request, response) => void this.answer(request, response));
    this.server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/token`;
  }

  async stop(): Promise<void> {
    this.server!.closeAllConnections();
    await new Promise((resolve) => this.server!.close(resolve));
  }

  /** Signs somebody in: their refresh token. `claims` are those of their ID token. */
  signIn(claims: object): string {
    const token = randomBytes(32).toString('base64url');
    this.live.set(token, claims);
    return token;
  }

  /** Lets those go on that a slow one has kept waiting. */
  hurry(): void {
    this.mood = 'well';
    for (const go of this.waiting.splice(0)) go();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    this.asked++;
    const { headers } = request;
    this.last = { form: new URLSearchParams(body), authorization: headers.authorization, headers };
    if (this.mood === 'slow') await new Promise<void>((go) => this.waiting.push(go));
    if (typeof this.mood === 'function') {
      this.mood(response);
      return;
    }
    response.setHeader('content-type', 'application/json');
    const token = this.last.form.get('refresh_token') ?? '';
    const claims = this.live.get(token);
    this.live.delete(token);
    if (!claims) {
      response
        .writeHead(403)
        .end('{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}');
      return;
    }
    this.redeemed++;
    const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
    const id_token = `${part({ alg: 'RS256' })}.${part(claims)}.AA`;
    const answer = {
      access_token: 'opaque',
      id_token,
      refresh_token: this.signIn(claims),
      token_type: 'Bearer',
    };
    response.end(JSON.stringify({ ...answer, scope: 'openid offline_access' }));
  }
}
