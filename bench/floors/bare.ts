import { createPrivateKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import pg from 'pg';
import {
  mintRefreshToken,
  readRefreshToken,
  sessionIdOf,
  type RefreshToken,
} from '../../src/core/refresh-token.ts';
import { sideBySide } from '../../src/keys/ecdsa-signature.ts';
import { REFRESH_TOKEN_KEY } from '../sessions.ts';

/** What a rotation gives back: no more than the two tokens need. */
export interface Rotated {
  readonly id: string;
  readonly subject: string;
  readonly client_id: string;
  readonly generation: number;
  readonly now: number;
  readonly expires: number;
}

/** Rotates a session; undefined if it is not at `generation`. */
export type Rotate = (id: string, generation: number) => Promise<Rotated | undefined>;

/** The columns of Rotated, for a RETURNING. */
export const COLUMNS =
  's.id, s.subject, s.client_id, s.generation, extract(epoch FROM now())::float8 AS now, extract(epoch FROM s.expires_at)::float8 AS expires';

/** What must hold of a row for it to rotate, for a WHERE, and what a rotation sets: the service's own conditions. */
export const MAY_ROTATE =
  's.revoked_at IS NULL AND now() < s.expires_at AND now() < s.idle_expires_at AND NOT s.client_bound';
export const NEXT = `generation = s.generation + 1, rotated_at = now(), idle_expires_at = LEAST(s.expires_at, now() + s.idle_ttl * interval '1 second')`;

const SIGNING_KEY: KeyObject = createPrivateKey(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
);
const HEADER = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })).toString(
  'base64url',
);

/**
 * The least that a refresh can cost on this stack, to compare the service with: node:http, the same token format, the
 * same statement's work and an ES256 signature, and nothing else - no validation, cookies, limits, logs or metrics.
 */
export async function serveBare(rotate: Rotate): Promise<void> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => void answer(text, request, response, rotate));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.stdout.write(`listening at http://127.0.0.1:${(server.address() as { port: number }).port}\n`);
}

/** The database to connect to. */
export function databaseConfig(): pg.ClientConfig {
  return { connectionString: process.env['DATABASE_URL']!, options: '-c TimeZone=UTC' };
}

async function answer(
  text: string,
  _request: IncomingMessage,
  response: ServerResponse,
  rotate: Rotate,
): Promise<void> {
  const presented = readRefreshToken((JSON.parse(text) as { refreshToken: string }).refreshToken, [
    REFRESH_TOKEN_KEY,
  ]);
  if (typeof presented === 'string') {
    response.writeHead(401).end();
    return;
  }
  const rotated = await rotate(sessionIdOf(presented.handle), presented.generation);
  const body = rotated ? JSON.stringify(tokens(presented, rotated)) : '{}';
  response.writeHead(rotated ? 200 : 401, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function tokens(
  presented: RefreshToken,
  { id, subject, client_id, generation, now, expires }: Rotated,
): object {
  const iat = Math.floor(now);
  const claims = {
    role: 'member',
    iss: 'https://auth.example.com',
    sub: subject,
    aud: 'https://api.example.com',
    client_id,
    sid: id,
    scope: 'openid profile',
    auth_time: iat,
    amr: ['pwd'],
    jti: randomUUID(),
    iat,
    exp: Math.min(iat + 900, expires),
  };
  const signed = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = sideBySide(sign('sha256', Buffer.from(signed), SIGNING_KEY), 32);
  return {
    accessToken: `${signed}.${signature.toString('base64url')}`,
    refreshToken: mintRefreshToken({ ...presented, generation }, REFRESH_TOKEN_KEY),
  };
}
