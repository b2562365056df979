import { open } from 'node:fs/promises';
import { Mistake, runCommand } from './command.js';
import { ConfigError, readDatabase } from './config/environment.js';
import { Unavailable } from './core/unavailable.js';
import { lineOf } from './sessions/import/moved-session.js';
import { Database } from './store/database/database.js';
import { DirectoryInUse } from './store/database/directory-lock.js';
import { prepareSchema, SchemaBehind } from './store/database/schema-check.js';
import { PrismaSessionExport } from './store/prisma/prisma-session-export.js';

// `npm run export -- sessions.ndjson`: writes the live sessions, a line each, for `npm run import` of a deployment that has the
// same REFRESH_TOKEN_KEYS (docs/moving-in). Needs the database's settings and no other.

const USAGE =
  'Usage: npm run export -- <file.ndjson, or - for standard output>. Sessions, and no tokens: those are stored nowhere, and go on ' +
  'where REFRESH_TOKEN_KEYS are the same';
/** In one statement. */
const PAGE = 1_000;
/** Between two lines of progress, in milliseconds. */
const BETWEEN_LINES = 5_000;

const number = new Intl.NumberFormat('en');

async function main([target, ...more]: readonly string[]): Promise<string> {
  if (target === undefined || more.length > 0 || (target.startsWith('-') && target !== '-'))
    throw new Mistake(USAGE);
  const config = readDatabase(process.env);
  const database = await Database.open(config, { unhurried: true });
  // Claims may be nobody else's business; and what is there may be the export of before.
  const file = target === '-' ? undefined : await open(target, 'wx', 0o600).catch(notOpened(target));
  const write = async (text: string): Promise<void> => {
    if (file) await file.write(text);
    else if (!process.stdout.write(text))
      await new Promise((resolve) => process.stdout.once('drain', resolve));
  };
  try {
    await prepareSchema(database, config);
    const sessions = new PrismaSessionExport(database);
    let [count, shownAt] = [0, performance.now()];
    let last: string | undefined;
    do {
      const page = await sessions.page(PAGE, last);
      await write(page.map((session) => `${JSON.stringify(lineOf(session))}\n`).join(''));
      count += page.length;
      last = page.length < PAGE ? undefined : page.at(-1)!.id;
      if (performance.now() - shownAt > BETWEEN_LINES) {
        shownAt = performance.now();
        process.stderr.write(`${number.format(count)} sessions\n`);
      }
    } while (last !== undefined);
    await file?.sync();
    process.stderr.write(`${number.format(count)} sessions exported\n`);
    return '';
  } finally {
    await file?.close();
    await database.close();
  }
}

function notOpened(target: string) {
  return (error: NodeJS.ErrnoException): never => {
    const why =
      error.code === 'EEXIST' ? 'is there already: name another' : `cannot be written (${error.code})`;
    throw new Mistake(`${target} ${why}`);
  };
}

await runCommand(() => main(process.argv.slice(2)), [ConfigError, Unavailable, DirectoryInUse, SchemaBehind]);
