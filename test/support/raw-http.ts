import { request, type IncomingHttpHeaders } from 'node:http';

/** A request as it is to be sent: nothing is mended or refused on the way, as fetch would. */
export interface RawRequest {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** The answer to a raw request. */
export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

/** Sends a request to the service at `url`; the answer must be JSON, or empty. */
export function sendRaw(
  url: string,
  { path = '/auth/refresh', method = 'POST', headers = {}, body }: RawRequest,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers }, (incoming) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
      incoming.on('end', () => {
        resolve({
          status: incoming.statusCode!,
          headers: incoming.headers,
          body: JSON.parse(text || '{}') as Record<string, unknown>,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
