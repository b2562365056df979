// An API as a web-standard fetch handler: Cloudflare Workers and their kin run this file as it is, `main.mjs` runs it in Deno.
/* global Response */
import { accessTokenVerifier } from '../access-token.mjs';
import { settings } from '../settings.mjs';

// Kept from request to request, with the keys.
let verify;

export default {
  async fetch(request, env) {
    verify ??= accessTokenVerifier(settings(env));
    const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
    try {
      const claims = await verify(token);
      if (claims) return Response.json({ subject: claims.sub });
      return Response.json(
        { message: 'no good access token' },
        { status: 401, headers: { 'www-authenticate': 'Bearer' } },
      );
    } catch {
      return Response.json({ message: 'try again' }, { status: 503, headers: { 'retry-after': '1' } });
    }
  },
};
