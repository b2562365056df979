import { Database } from '../../src/store/database/database.ts';
import { PrismaBulkRevocations } from '../../src/store/prisma/prisma-bulk-revocations.ts';
import { PrismaClientStore } from '../../src/store/prisma/prisma-client-store.ts';
import { PrismaSessionRegistry } from '../../src/store/prisma/prisma-session-registry.ts';
import { PrismaSessionStore } from '../../src/store/prisma/prisma-session-store.ts';
import { PrismaSigningKeyStore } from '../../src/store/prisma/prisma-signing-key-store.ts';
import { PrismaUsedJtis } from '../../src/store/prisma/prisma-used-jtis.ts';
import { TestDatabase } from '../support/database.ts';
import { BATCH_SIZE } from './backends.ts';
import { newSession } from './rows.ts';
import { AMENDED, BY_SERVICE, FAST_FORWARDED, LOGOUT, RECOVERED } from './events.ts';

/** Has every transaction that Prisma opens on the database counted. */
function countTransactions({ adapter }: Database): () => number {
  let count = 0;
  const connect = adapter.connect.bind(adapter);
  adapter.connect = async () => {
    const connected = await connect();
    const start = connected.startTransaction.bind(connected);
    connected.startTransaction = (...how) => {
      count++;
      return start(...how);
    };
    return connected;
  };
  return () => count;
}

describe('a transaction, which a link that stalls would leave open,', () => {
  let server: TestDatabase;
  let database: Database;
  let transactions: () => number;

  beforeAll(async () => {
    server = await TestDatabase.create();
    database = await Database.open({ kind: 'postgresql', url: server.url });
    transactions = countTransactions(database);
  });

  afterAll(async () => {
    await database.close();
    await server.drop();
  });

  test('is opened by no verb of the stores', async () => {
    const policy = { grace: 0, recovery: 0, mode: 'rotate' } as const;
    const store = new PrismaSessionStore(database, BATCH_SIZE);
    const directory = new PrismaSessionRegistry(database, new PrismaBulkRevocations(database), BATCH_SIZE);
    const { session } = await directory.open(newSession());
    await directory.list('ada', 9);
    await directory.amend(session.id, { claims: { plan: 'gold' } }, AMENDED);
    expect(await store.tryRotate(session.id, 0, policy)).toBeDefined();
    expect(await store.rotate(session.id, 1, policy)).toBeDefined();
    expect(await store.recover(session.id, 2, RECOVERED)).toBeDefined();
    expect(await store.disownParent(session.id, 3)).toBeDefined();
    expect(await store.bind(session.id, 'thumb')).toBeDefined();
    expect(await store.fastForward(session.id, 7, FAST_FORWARDED)).toBeDefined();
    await store.touch(session.id, 7);
    await store.find(session.id);
    await directory.revokeAll({ subject: 'ada' }, BY_SERVICE, { except: session.id });
    expect(await store.revoke(session.id, LOGOUT)).toBeDefined();
    await directory.sweep({ page: 9, retention: 86_400, afterDeleting: 0, afterLooking: 0, between: 0 });

    const clients = new PrismaClientStore(database, new PrismaBulkRevocations(database));
    const none = { name: null, secretHash: null, jwks: null, scope: null, audiences: [] };
    const lifetimes = { accessTokenTtl: null, idleTtl: null, maxTtl: null };
    const windows = { rotationGrace: null, recoveryWindow: null };
    const client = { id: 'web', authMethod: 'none', refreshMode: 'rotate', dpopRequired: false } as const;
    expect(await clients.add({ ...client, ...none, ...lifetimes, ...windows })).toBe(true);
    const found = await clients.find('web');
    expect(await clients.amend(found!, { rotationGrace: 5 })).toMatchObject({ rotationGrace: 5 });
    await clients.replaceSecret('web', { hash: new Uint8Array(32), overlap: 60, keep: undefined });
    await clients.endPreviousSecret('web');
    await clients.list(9);
    expect(await clients.remove('web', BY_SERVICE)).toBe(true);

    const keys = new PrismaSigningKeyStore(database);
    const sealed = { sealedKey: new Uint8Array([1]), sealedBy: 1 };
    await keys.add({ kid: 'k', ordinal: 1, publicJwk: {}, ...sealed, activatesAt: new Date(0) });
    await keys.reseal('k', new Uint8Array([2]), 2);
    expect((await keys.all()).keys).toHaveLength(1);
    await keys.remove('k');

    const jtis = new PrismaUsedJtis(database);
    expect(await jtis.use('web', 'jti', 60)).toBe(true);
    await jtis.forget(9);
    expect(transactions()).toBe(0);
  });

  test('would be counted', async () => {
    const before = transactions();
    await database.run((prisma) =>
      prisma.$transaction([prisma.$executeRaw`SELECT 1`, prisma.$executeRaw`SELECT 2`]),
    );
    expect(transactions()).toBe(before + 1);
  });
});
