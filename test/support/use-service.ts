import { TestDatabase } from './database.ts';
import { startService, type TestService } from './service.ts';

/** A way to start a service: startService, startIssuer, spawnService or spawnEveryContract. */
type Start = (settings: Record<string, string>) => Promise<TestService>;

/** What the tests of a `describe` have to themselves. */
export interface TestBed {
  /** A fresh database; it is dropped when everything that was started on it has stopped. */
  readonly database: TestDatabase;
  /** Starts one more service on it, in this process if not told otherwise; it is stopped after the last test. */
  readonly start: (settings?: Record<string, string>, by?: Start) => Promise<TestService>;
}

/** Gives the tests of a `describe`, or of a file, a fresh database from `beforeAll` on, and takes it away at the end. */
export function useDatabase(): TestBed {
  let made: TestDatabase | undefined;
  const started: TestService[] = [];
  const database = later('database', () => made);

  beforeAll(async () => {
    made = await TestDatabase.create();
  });

  afterAll(async () => {
    await Promise.all(started.map((service) => service.stop()));
    await made?.drop();
  });

  const start: TestBed['start'] = async (settings = {}, by = startService) => {
    const service = await by({ DATABASE_URL: database.url, ...settings });
    started.push(service);
    return service;
  };
  return { database, start };
}

/**
 * Gives the tests of a `describe`, or of a file, a service from `beforeAll` on, and takes it away at the end.
 *
 * @param settings beside DATABASE_URL and those that every test service shares
 * @param how.by the way it is started: in this process, if not told otherwise
 * @param how.on what it is started on: a fresh database, if not told otherwise; the same one makes it a replica
 */
export function useService(
  settings: Record<string, string> = {},
  { by = startService, on = useDatabase() }: { by?: Start; on?: TestBed } = {},
): TestBed & { readonly service: TestService } {
  let started: TestService | undefined;

  beforeAll(async () => {
    started = await on.start(settings, by);
  });

  return { ...on, service: later('service', () => started) };
}

/** Stands for what `beforeAll` makes, so that a `describe` can name it before it is there. */
function later<T extends object>(what: string, made: () => T | undefined): T {
  return new Proxy({} as T, {
    get(_target, member) {
      const real = made();
      if (!real)
        throw new Error(`there is no ${what} before beforeAll has run: ask for it in a test or a hook`);
      return Reflect.get(real, member) as unknown;
    },
  });
}
