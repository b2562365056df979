import { newHandle, sessionIdOf } from '../../src/core/refresh-token.ts';
import type { NewClient } from '../../src/core/client.ts';
import type { NewSession } from '../../src/store/session-registry.ts';
import type { Backend } from './backends.ts';

/** A row of a session, with its times in milliseconds from now. */
export interface Row {
  readonly subject: string;
  readonly generation: number;
  /** Null, and so is floor, without siblings; siblingsAt is the generation that they were written for. */
  readonly parent: number | null;
  readonly floor: number | null;
  readonly siblingsAt: number | null;
  readonly parentDisowned: boolean | null;
  readonly rotated: number | null;
  readonly revoked: number | null;
  readonly expires: number;
  readonly idleExpires: number;
  /** Seconds. */
  readonly idleTtl: number;
  readonly clientBound: boolean;
  readonly dpopJkt: string | null;
}

/** A live session that was never rotated. */
export const LIVE: Row = {
  subject: 'ada',
  generation: 0,
  parent: null,
  floor: null,
  siblingsAt: null,
  parentDisowned: null,
  rotated: null,
  revoked: null,
  expires: 30 * 86_400_000,
  idleExpires: 86_400_000,
  idleTtl: 86_400,
  clientBound: false,
  dpopJkt: null,
};

/** Writes a row as it is, which may be one that the service itself would have to wait years for; gives its id. */
export async function insert(backend: Pick<Backend, 'query'>, row: Partial<Row> = {}): Promise<string> {
  const id = sessionIdOf(newHandle());
  const { subject, generation, rotated, revoked, expires, idleExpires, idleTtl, ...family } = {
    ...LIVE,
    ...row,
  };
  const { parent, floor, siblingsAt, parentDisowned, clientBound, dpopJkt } = family;
  const at = (parameter: number): string => `clock.now() + $${parameter}::int8 * interval '1 millisecond'`;
  await backend.query(
    `INSERT INTO public.sessions (id, subject, client_id, auth_time, created_at, expires_at, idle_expires_at, idle_ttl,
       access_token_ttl, generation, rotated_at, revoked_at, revoked_by, parent, floor, siblings_at, parent_disowned,
       client_bound, dpop_jkt)
     VALUES ($1::uuid, $2, 'web', clock.now(), clock.now(), ${at(3)}, ${at(4)}, $5::int, 900, $6::int, ${at(7)}, ${at(8)},
       CASE WHEN $8::int8 IS NOT NULL THEN 'logout' END, $9::int, $10::int, $11::int, $12::boolean,
       $13::boolean, $14)`,
    [
      id,
      subject,
      expires,
      idleExpires,
      idleTtl,
      generation,
      rotated,
      revoked,
      parent,
      floor,
      siblingsAt,
      parentDisowned,
      clientBound,
      dpopJkt,
    ],
  );
  return id;
}

/** What a login backend opens a session with. */
export function newSession(differently: Partial<NewSession> = {}): NewSession {
  return {
    id: sessionIdOf(newHandle()),
    subject: 'ada',
    clientId: 'web',
    scope: null,
    audience: [],
    claims: {},
    device: null,
    amr: [],
    acr: null,
    clientBound: false,
    dpopJkt: null,
    extras: {},
    idleTtl: 3_600,
    accessTokenTtl: 900,
    maxTtl: 86_400,
    event: { kind: 'opened', serviceKey: 'web', clientId: 'web', device: null },
    ...differently,
  };
}

/** A client as it is registered, with nothing out of the ordinary. */
export const registration = (id: string): NewClient => ({
  id,
  name: null,
  authMethod: 'none',
  secretHash: null,
  jwks: null,
  refreshMode: 'rotate',
  dpopRequired: false,
  scope: null,
  audiences: [],
  accessTokenTtl: null,
  idleTtl: null,
  maxTtl: null,
  rotationGrace: null,
  recoveryWindow: null,
});
