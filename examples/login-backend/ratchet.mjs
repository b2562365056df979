// A client of the sessions API, with the types of its OpenAPI document: `npm run generate` writes them to sessions-api.d.mts.
import createClient from 'openapi-fetch';

/** The service could not be reached, or said no. */
export class RatchetError extends Error {
  name = 'RatchetError';

  /**
   * @param {number} status 503 if it did not answer at all
   * @param {{ code?: string, message?: string, details?: unknown } | undefined} body
   * @param {string | null} retryAfter seconds, if it makes sense to ask again
   */
  constructor(status, body, retryAfter) {
    super(`${status} ${body?.code ?? ''} ${body?.message ?? ''} ${JSON.stringify(body?.details ?? '')}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * Every call of the sessions API, as `client.POST('/sessions', { body })`; the editor knows paths, parameters and answers.
 * What is not 2xx is thrown as a RatchetError, so `data` is there.
 *
 * @param {{ url: string, serviceKey: string }} options
 */
export function ratchetClient({ url, serviceKey }) {
  /** @type {ReturnType<typeof createClient<import('./sessions-api.mjs').paths>>} */
  const client = createClient({
    baseUrl: url,
    headers: { authorization: `Bearer ${serviceKey}` },
    fetch: (request) =>
      fetch(request, { signal: AbortSignal.timeout(5000) }).catch((error) => {
        throw new RatchetError(503, { message: error.message }, '1');
      }),
  });
  client.use({
    async onResponse({ response }) {
      if (response.ok) return;
      const body = /** @type {any} */ (await response.json().catch(() => undefined));
      throw new RatchetError(response.status, body, response.headers.get('retry-after'));
    },
  });
  return client;
}
