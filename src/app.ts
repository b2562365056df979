import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Config } from './config/config.js';
import { CONTRACTS, mountContracts } from './contracts/registry.js';
import { describeService, type NamedDocument } from './docs/documents.js';
import { serveDocs } from './docs/docs.js';
import { guardOrigins } from './http/origins.js';
import { httpServer } from './http/server.js';
import { MountedApis } from './http/mounted-apis.js';
import { Drain } from './ops/drain.js';
import { NestLog, openLog, type Log } from './ops/log.js';
import { Metrics } from './ops/metrics.js';
import { logRequests } from './ops/request-log.js';
import { RequestTraces } from './ops/request-traces.js';
import { warnOfUntrustedProxies } from './ops/untrusted-proxy.js';
import { CONSOLE_API } from './sessions/console/console-api.js';
import { subjectName } from './ops/subject-names.js';

/** The service, wired but not started, and its OpenAPI documents. */
export interface App {
  /** Connects to the database and makes keys at `init` or `listen`, not before. */
  readonly nest: NestFastifyApplication;
  readonly documents: readonly NamedDocument[];
  readonly log: Log;
}

/**
 * Makes the service from its configuration: what main, the tests and the generator of `openapi/` all use.
 *
 * @param contracts those that the configuration may name
 * @throws RouteClash if two contracts claim one route
 */
export async function createApp(config: Config, contracts = CONTRACTS): Promise<App> {
  const mounts = mountContracts(config, contracts);
  const log = openLog(config);
  const apis = new MountedApis(config.console ? [...mounts, CONSOLE_API] : mounts);
  const adapter = httpServer(config, log, apis);
  const nest = await NestFactory.create<NestFastifyApplication>(
    AppModule.for(config, mounts, apis),
    adapter,
    {
      logger: new NestLog(log),
      abortOnError: false,
      // The server has its own.
      bodyParser: false,
    },
  );
  guardOrigins(nest, config, {
    cookies: mounts.flatMap(({ cookie, legacyCookies }) => [...(cookie ? [cookie] : []), ...legacyCookies]),
    headers: mounts.flatMap((mount) => mount.definition.headers ?? []),
    dryRunPaths: mounts.flatMap((mount) => mount.dryRunPaths),
  });
  const metrics = nest.get(Metrics);
  for (const { contract } of mounts) metrics.expect(contract);
  const tracing = config.tracing ? (await import('./ops/opentelemetry.js')).startTracing(log) : undefined;
  const traces = new RequestTraces(config, tracing);
  traces.follow(adapter.getInstance());
  logRequests(adapter.getInstance(), log, metrics, traces, subjectName(config));
  warnOfUntrustedProxies(adapter.getInstance(), log, config.trustProxy);
  nest.get(Drain).closeConnectionsOf(adapter.getInstance());
  const documents = describeService(nest, mounts);
  if (config.docs) serveDocs(nest, documents);
  return { nest, documents, log };
}
