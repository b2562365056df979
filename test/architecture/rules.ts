import { posix } from 'node:path';
import type { Import, Source } from './source.ts';

/** From the ground up: a folder may import from those before it. */
const LAYERS = ['core', 'config', 'workers', 'metrics', 'tracing', 'store', 'keys', 'auth', 'http'];
/** The top layer: these do not know one another. */
const NEIGHBOURS = ['clients', 'contracts', 'sessions', 'ops', 'docs'];
/** They join everything, so they may import anything. */
const ROOTS = [
  'app.ts',
  'app.module.ts',
  'main.ts',
  'migrate.ts',
  'serve.ts',
  'welcome.ts',
  'withdraw-key.ts',
  'import.ts',
  'export.ts',
  'command.ts',
];
/** What only the store may know. */
const DATABASE_PACKAGES = /^(@prisma\/|@electric-sql\/|pg(-.*)?$|pglite-prisma-adapter$|prisma(\/|$))/;
/** And what is loaded only where traces are recorded. */
const TRACING_PACKAGES = '@opentelemetry/';
const TRACING_FILE = 'src/ops/opentelemetry.ts';

/** What breaks the direction of the layers: a sentence each. */
export function violations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((each) => {
      const why = violation(source.path, each);
      return why ? [`${source.path} imports ${each.from}: ${why}`] : [];
    }),
  );
}

function violation(path: string, { from, typeOnly }: Import): string | undefined {
  const inside = from.startsWith('.');
  const target = inside ? posix.join(posix.dirname(path), from) : undefined;
  if (target?.startsWith('src/') === false) return 'it lies outside src';
  const [folder, ...rest] = path.split('/').slice(1) as [string, ...string[]];
  if (rest.length === 0) return ROOTS.includes(folder) ? undefined : 'it lies in no folder';

  if (target === undefined) {
    if (folder === 'core' && from !== 'node:crypto') return 'core imports node:crypto and itself';
    if (folder !== 'store' && DATABASE_PACKAGES.test(from)) return 'only store knows the database';
    if (path !== TRACING_FILE && from.startsWith(TRACING_PACKAGES))
      return 'only ops/opentelemetry.ts knows OpenTelemetry';
    return undefined;
  }
  const [targetFolder, ...targetRest] = target.split('/').slice(1) as [string, ...string[]];
  if (targetFolder === 'generated') {
    return folder === 'store' ? undefined : 'only store knows the database';
  }
  if (targetRest.length === 0) return 'only the root files know the root files';
  if (targetFolder === folder) return contractOf(path, target);
  if (NEIGHBOURS.includes(folder) && NEIGHBOURS.includes(targetFolder)) {
    if (path.endsWith('.module.ts')) return undefined;
    if (folder === 'docs' && target === 'src/contracts/contract.js' && typeOnly) return undefined;
    return 'neighbours meet only in module files';
  }
  return levelOf(targetFolder) < levelOf(folder) ? undefined : `${targetFolder} is not below ${folder}`;
}

/** Whether a file of one contract knows another one. */
function contractOf(path: string, target: string): string | undefined {
  const [own, others] = [path, target].map((file) => /^src\/contracts\/([^/]+)\//.exec(file)?.[1]);
  return own && others && own !== others ? 'contracts do not know one another' : undefined;
}

function levelOf(folder: string): number {
  const level = LAYERS.indexOf(folder);
  if (level < 0 && !NEIGHBOURS.includes(folder)) throw new Error(`src/${folder} has no place in the layers`);
  return level < 0 ? LAYERS.length : level;
}
