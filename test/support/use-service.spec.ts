import { useService } from './use-service.ts';

describe('a service that a describe uses', () => {
  const { service, database, start } = useService({ CONTRACTS: 'plec' });
  const early = [() => service.url, () => database.url].map((ask) => {
    try {
      return ask();
    } catch (error) {
      return (error as Error).message;
    }
  });

  test('says so when it is asked for too early, and so does its database', () => {
    expect(early).toEqual([
      'there is no service before beforeAll has run: ask for it in a test or a hook',
      'there is no database before beforeAll has run: ask for it in a test or a hook',
    ]);
  });

  test('shares its database with those that are started beside it', async () => {
    const { refreshToken } = await service.open();
    const replica = await start();
    expect((await replica.refresh(refreshToken)).status).toBe(200);
    expect(await database.query('SELECT FROM public.sessions')).toHaveLength(1);
  });
});
