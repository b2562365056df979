import 'reflect-metadata';
import type { SecurityHeadersOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Config } from './config/config.js';
import { mountContracts } from './contracts/registry.js';
import { describeService, type NamedDocument } from './docs/documents.js';
import { serveDocs } from './docs/docs.js';
import { guardOrigins } from './http/origins.js';
import { httpServer } from './http/server.js';
import { Voices } from './http/voices.js';
import { Drain } from './ops/drain.js';
import { NestLog, openLog } from './ops/log.js';
import { Metrics } from './ops/metrics.js';
import { logRequests } from './ops/request-log.js';

/** The service, wired but not started, and its OpenAPI documents. */
export interface App {
  /** Connects to the database and makes keys at `init` or `listen`, not before. */
  readonly nest: NestFastifyApplication;
  readonly documents: readonly NamedDocument[];
}

/**
 * What applies to answers that are data (OWASP REST Security Cheat Sheet): no browser is to render them, whatever it
 * takes them for, and no page of another origin is to take them in. The pages at /docs have a policy of their own.
 */
const SECURITY_HEADERS: SecurityHeadersOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/**
 * Makes the service from its configuration: what main, the tests and the generator of `openapi/` all use.
 *
 * @throws RouteClash if two contracts claim one route
 */
export async function createApp(config: Config): Promise<App> {
  const mounts = mountContracts(config);
  const log = openLog(config.logLevel);
  const adapter = httpServer(config, log, new Voices(mounts));
  const nest = await NestFactory.create<NestFastifyApplication>(AppModule.for(config, mounts), adapter, {
    logger: new NestLog(log),
    abortOnError: false,
    // The server has its own.
    bodyParser: false,
  });
  nest.useSecurityHeaders(SECURITY_HEADERS);
  guardOrigins(nest, config, {
    cookies: mounts.flatMap((mount) => mount.cookie ?? []),
    headers: mounts.flatMap((mount) => mount.definition.headers ?? []),
    dryRunPaths: mounts.flatMap((mount) => mount.dryRun ?? []),
  });
  logRequests(adapter.getInstance(), log, nest.get(Metrics));
  nest.get(Drain).closeConnectionsOf(adapter.getInstance());
  const documents = describeService(nest, mounts);
  if (config.docs) serveDocs(nest, documents);
  return { nest, documents };
}
