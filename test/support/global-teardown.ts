import type { PostgresServer } from './postgres.ts';

export default async function tearDown(): Promise<void> {
  await (globalThis as { testServer?: PostgresServer }).testServer?.destroy();
}
