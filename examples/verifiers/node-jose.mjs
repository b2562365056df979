// An API on Node alone.
import { createServer } from 'node:http';
import { accessTokenVerifier } from './access-token.mjs';
import { settings } from './settings.mjs';

const { port, ...options } = settings(process.env);
const verify = accessTokenVerifier(options);

createServer(async (request, response) => {
  const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  try {
    const claims = await verify(token);
    if (!claims)
      return answer(response, 401, { message: 'no good access token' }, { 'www-authenticate': 'Bearer' });
    answer(response, 200, { subject: claims.sub });
  } catch {
    answer(response, 503, { message: 'try again' }, { 'retry-after': '1' });
  }
}).listen(port, '127.0.0.1');

function answer(response, status, body, headers) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
