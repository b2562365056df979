import { isUUID } from 'class-validator';
import { isStorable } from '../../http/validation/storable.js';
import { readTimestamp } from '../../http/validation/timestamp.js';
import type { ExportedSession } from '../../store/session-export.js';

/** What a session of another deployment has beside what every line has. */
export type Engine = Pick<
  ExportedSession,
  | 'id'
  | 'generation'
  | 'parent'
  | 'floor'
  | 'siblingsAt'
  | 'parentDisowned'
  | 'rotatedAt'
  | 'idleTtl'
  | 'accessTokenTtl'
  | 'clientBound'
  | 'dpopJkt'
  | 'legacyTokens'
>;

/** A session as a line of an export, which the import takes. */
export function lineOf(exported: ExportedSession): Readonly<Record<string, unknown>> {
  const { id, generation, parent, floor, siblingsAt, parentDisowned, rotatedAt, ...others } = exported;
  const { idleTtl, accessTokenTtl, clientBound, dpopJkt, legacyTokens, ...line } = others;
  const engine: Engine = {
    ...{ id, generation, parent, floor, siblingsAt, parentDisowned, rotatedAt },
    ...{ idleTtl, accessTokenTtl, clientBound, dpopJkt, legacyTokens },
  };
  return { session: engine, ...line };
}

type Test = (value: unknown) => boolean;

const MOST = 2 ** 31 - 1;
const isCount: Test = (value) => Number.isInteger(value) && Number(value) >= -1 && Number(value) <= MOST;
const isSeconds: Test = (value) => isCount(value) && Number(value) > 0;
const isTime: Test = (value) => readTimestamp(value) !== undefined;
const orNull =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);

const TESTS: Readonly<Record<keyof Engine, Test>> = {
  id: (value) => isUUID(value),
  generation: (value) => isCount(value) && Number(value) >= 0,
  parent: orNull(isCount),
  floor: orNull(isCount),
  siblingsAt: orNull(isCount),
  parentDisowned: orNull((value) => typeof value === 'boolean'),
  rotatedAt: orNull(isTime),
  idleTtl: isSeconds,
  accessTokenTtl: isSeconds,
  clientBound: (value) => typeof value === 'boolean',
  dpopJkt: orNull((value) => typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value)),
  legacyTokens: (value) => Array.isArray(value) && value.every(isLegacyToken),
};

/** Reads the member `session` of a line: as `npm run export` writes it, or what is wrong with it. */
export function readEngine(value: unknown): Engine | Error {
  if (typeof value !== 'object' || value === null || !isStorable(value))
    return new Error('must be an object');
  const given = value as Record<string, unknown>;
  const wrong = Object.entries(TESTS).filter(([name, isRight]) => !isRight(given[name]));
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(TESTS, name));
  if (wrong.length + unknown.length === 0) return value as Engine;
  const names = wrong.map(([name]) => name);
  return new Error(
    `is not as an export writes it: ${[...names, ...(unknown.length > 0 ? ['a member that is not known'] : [])].join(', ')}`,
  );
}

function isLegacyToken(value: unknown): boolean {
  const { lookup, usedAt } = (value ?? {}) as Record<string, unknown>;
  return typeof lookup === 'string' && /^[0-9a-f]{64}$/.test(lookup) && orNull(isTime)(usedAt);
}
