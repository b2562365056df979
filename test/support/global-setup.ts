import { makeTemplate } from './database.ts';
import { PostgresServer } from './postgres.ts';

/** What the tests share: one server, and on it a database with the schema that each test file copies. */
export default async function setUp(): Promise<void> {
  let url = process.env['TEST_DATABASE_URL'];
  if (!url) {
    const server = await PostgresServer.start(['fsync=off']);
    (globalThis as { testServer?: PostgresServer }).testServer = server;
    url = server.url();
  }
  process.env['RATCHET_TEST_SERVER'] = url;
  await makeTemplate(url);
}
