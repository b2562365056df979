import { Prisma } from '../../generated/prisma/client.js';
import { FLOOR, IS_LIVE, NEXT_IDLE_DEADLINE } from './session-row.js';

/** What a statement calls a rotation that is asked for: columns of a row, or parameters. */
export type Asked = Readonly<Record<'presented' | 'grace' | 'presenter' | 'jkt' | 'binds', Prisma.Sql>>;

/**
 * Of the hot path, the WHERE: the `rotate` row of core/rotation.ts, with who may present the token, and nothing else.
 * Whatever it does not match is read and decided on there.
 */
export const isDue = ({ presented, grace, presenter, jkt }: Asked): Prisma.Sql => Prisma.sql`
  ${presented} > ${FLOOR} AND ${presented} <= generation AND ${IS_LIVE}
  AND (rotated_at IS NULL OR ${grace} = 0 OR now() > rotated_at + ${grace} * interval '1 millisecond')
  AND client_bound = (${presenter} IS NOT NULL)
  AND (NOT client_bound OR client_id = ${presenter} AND (dpop_jkt IS NULL OR dpop_jkt = ${jkt}))`;

/**
 * And the SET. The time of an exchange is taken when its row is written: what came before, a queue or a lock, takes
 * nothing from the windows.
 */
export const turn = ({ presented, jkt, binds }: Asked): Prisma.Sql => Prisma.sql`
  generation = generation + 1,
  parent = CASE WHEN ${presented} < generation THEN ${presented} END,
  floor = CASE WHEN ${presented} < generation THEN generation END,
  siblings_at = CASE WHEN ${presented} < generation THEN generation + 1 END,
  parent_disowned = NULL, rotated_at = clock_timestamp(), idle_expires_at = ${NEXT_IDLE_DEADLINE},
  dpop_jkt = CASE WHEN ${binds} THEN ${jkt} ELSE dpop_jkt END`;

const COLUMNS: Asked = {
  presented: Prisma.raw('presented'),
  grace: Prisma.raw('grace'),
  presenter: Prisma.raw('presenter'),
  jkt: Prisma.raw('jkt'),
  binds: Prisma.raw('binds'),
};
/** isDue, and turn, where they are columns of a row. */
export const IS_DUE = isDue(COLUMNS);
/** As IS_DUE. */
export const TURN = turn(COLUMNS);
