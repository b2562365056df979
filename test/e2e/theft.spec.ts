import { TestDatabase } from '../support/database.ts';
import { startService, type OpenedSession, type TestService } from '../support/service.ts';

describe('a session over the PLEC contract', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  test('a stolen token used after its owner refreshed ends the session for both', async () => {
    const { refreshToken: stolen } = await service.open();
    const { refreshToken: owners } = (await (await service.refresh(stolen)).json()) as OpenedSession;
    await database.advance(11_000);
    const thief = await service.refresh(stolen);
    expect(thief.status).toBe(401);
    expect(await thief.json()).toMatchObject({ code: 'REUSED' });
    expect(await (await service.refresh(owners)).json()).toMatchObject({ code: 'REVOKED' });
  });
});
