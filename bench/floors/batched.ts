import pg from 'pg';
import { COLUMNS, MAY_ROTATE, NEXT, databaseConfig, serveBare, type Rotated } from './bare.ts';

interface Waiter {
  readonly id: string;
  readonly generation: number;
  readonly resolve: (rotated: Rotated | undefined) => void;
}

const client = new pg.Client(databaseConfig());
await client.connect();
let waiting: Waiter[] = [];
let busy = false;

await serveBare(
  (id, generation) =>
    new Promise((resolve) => {
      waiting.push({ id, generation, resolve });
      if (!busy) void work();
    }),
);

async function work(): Promise<void> {
  busy = true;
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    const { rows } = await client.query<Rotated>({
      name: 'rotate',
      text: `UPDATE sessions s SET ${NEXT} FROM unnest($1::uuid[], $2::int[]) AS turn(id, generation)
        WHERE s.id = turn.id AND s.generation = turn.generation AND ${MAY_ROTATE} RETURNING ${COLUMNS}`,
      values: [batch.map(({ id }) => id), batch.map(({ generation }) => generation)],
    });
    const rotated = new Map(rows.map((row) => [row.id, row]));
    for (const { id, resolve } of batch) resolve(rotated.get(id));
  }
  busy = false;
}
