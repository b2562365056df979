import { setTimeout as pause } from 'node:timers/promises';
import { Database } from '../../src/store/database/database.ts';
import { Unavailable } from '../../src/core/unavailable.ts';
import { TestDatabase } from '../support/database.ts';
import { startService, type TestService } from '../support/service.ts';
import { SlowLink } from './slow-link.ts';

/** Longer than two statements in turn are waited for: the one whose answer does not come, and its ROLLBACK. */
const STALL = 4_500;

describe('the link to the database stalls', () => {
  let database: TestDatabase;
  let link: SlowLink;
  let url: string;

  beforeEach(async () => {
    database = await TestDatabase.create();
    link = await SlowLink.to(Number(new URL(database.url).port));
    const through = new URL(database.url);
    through.port = String(link.port);
    url = through.toString();
  });

  afterEach(async () => {
    await link.close();
    await database.drop();
  });

  describe('while a client is being removed, and', () => {
    let service: TestService;

    beforeEach(async () => {
      service = await startService({ DATABASE_URL: url });
    });

    afterEach(() => service.stop());

    test('a session that is ended after it stays ended, one that is opened after it is there', async () => {
      const { session, refreshToken } = await service.open();
      await service.api('POST', '/clients', { id: 'doomed' });
      const end = link.stallAfter('DELETE FROM clients');
      const removed = service.api('DELETE', '/clients/doomed');
      await pause(STALL);
      end();
      expect((await removed).status).toBe(503);

      // One after the other: they use the connection that was given back last.
      expect((await service.api('DELETE', `/sessions/${session.id}`)).status).toBe(204);
      const opened = await service.open();
      const there = await database.query(
        'SELECT id FROM public.sessions WHERE revoked_at IS NOT NULL OR id = $1',
        [opened.session.id],
      );
      expect(there.map(({ id }) => String(id)).toSorted()).toEqual(
        [session.id, opened.session.id].toSorted(),
      );
      expect((await service.refresh(refreshToken)).status).toBe(401);
      expect((await service.refresh(opened.refreshToken)).status).toBe(200);
    });
  });

  describe('in a transaction, whoever opened it, and', () => {
    let store: Database;

    beforeEach(async () => {
      store = await Database.open({ kind: 'postgresql', url });
    });

    afterEach(() => store.close());

    test('no connection goes back to the others inside it', async () => {
      await store.ping();
      const end = link.stallAfter('stalls');
      const stalled = store.run((prisma) =>
        prisma.$transaction([prisma.$executeRawUnsafe(`SELECT 'stalls'`), prisma.$executeRaw`SELECT 1`]),
      );
      await expect(stalled).rejects.toThrow(Unavailable);
      await pause(STALL);
      end();
      await store.run((prisma) => prisma.$executeRaw`CREATE TABLE public.kept ()`);
      expect(await database.query(`SELECT to_regclass('public.kept') IS NOT NULL AS kept`)).toEqual([
        { kept: true },
      ]);
    });

    test('the server ends it soon, by itself', async () => {
      const [setting] = await store.run(
        (prisma) => prisma.$queryRaw<object[]>`SHOW idle_in_transaction_session_timeout`,
      );
      expect(setting).toEqual({ idle_in_transaction_session_timeout: '2s' });
    });
  });
});
