import pg from 'pg';
import { COLUMNS, MAY_ROTATE, NEXT, databaseConfig, serveBare, type Rotated } from './bare.ts';

const pool = new pg.Pool({ ...databaseConfig(), max: 10 });

await serveBare(async (id, generation) => {
  const { rows } = await pool.query<Rotated>({
    name: 'rotate',
    text: `UPDATE sessions s SET ${NEXT} WHERE s.id = $1::uuid AND s.generation = $2::int AND ${MAY_ROTATE} RETURNING ${COLUMNS}`,
    values: [id, generation],
  });
  return rows[0];
});
