import { Readable } from 'node:stream';
import type { Config } from '../../src/config/config.ts';
import { CONFIG } from '../../src/config/config.module.ts';
import { ContractExtras } from '../../src/sessions/contract-extras.ts';
import { importSessions, type ImportCounts } from '../../src/sessions/import/importer.ts';
import { Database } from '../../src/store/database/database.ts';
import { PrismaSessionExport } from '../../src/store/prisma/prisma-session-export.ts';
import { PrismaSessionImport } from '../../src/store/prisma/prisma-session-import.ts';
import type { TestService } from '../support/service.ts';

/** Imports lines into the database of a service in this process, by its settings; what came of it, and what was refused. */
export async function importLines(
  { app }: TestService,
  lines: readonly object[],
): Promise<{ counts: Readonly<ImportCounts>; refused: [line: number, reasons: readonly string[]][] }> {
  const { nest } = app!;
  const refused: [number, readonly string[]][] = [];
  const counts = await importSessions(
    Readable.from([Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'))]),
    {
      rules: { config: nest.get<Config>(CONFIG), extras: nest.get(ContractExtras, { strict: false }) },
      store: {
        sessions: new PrismaSessionImport(nest.get(Database)),
        moved: new PrismaSessionExport(nest.get(Database)),
      },
      refuse: (line, reasons) => Promise.resolve(void refused.push([line, reasons])),
      report: () => undefined,
    },
  );
  return { counts, refused };
}
