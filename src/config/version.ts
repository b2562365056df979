import { createRequire } from 'node:module';

/** The version of this service, as package.json has it. Read when it is asked for: what is built apart has none beside it. */
export function versionOfService(): string {
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
  return version;
}
