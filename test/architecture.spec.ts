import { violations } from './architecture/rules.ts';
import { parse, readSources } from './architecture/source.ts';

const sources = readSources('src');
const MOST_LINES = 260;

describe('the source', () => {
  test('is all looked at', () => {
    const paths = sources.map(({ path }) => path);
    expect(paths).toContain('src/core/rotation.ts');
    expect(paths).toContain('src/contracts/plec/auth.controller.ts');
    expect(paths.length).toBeGreaterThan(60);
    expect(paths.filter((path) => path.includes('generated'))).toEqual([]);
    expect(sources.find(({ path }) => path === 'src/core/rotation.ts')?.imports).toEqual([
      { from: './policy.js', typeOnly: true },
      { from: './refusal.js', typeOnly: true },
      { from: './session.js', typeOnly: false },
    ]);
  });

  test('keeps the direction of its layers, and neighbours meet only in module files', () => {
    expect(violations(sources)).toEqual([]);
  });

  test('says of each export what it gives', () => {
    expect(
      sources.flatMap(({ path, undocumented }) => undocumented.map((name) => `${path}: ${name}`)),
    ).toEqual([]);
  });

  test(`has no file of more than ${MOST_LINES} lines`, () => {
    expect(
      sources.filter(({ lines }) => lines > MOST_LINES).map(({ path, lines }) => `${path}: ${lines}`),
    ).toEqual([]);
  });
});

describe('the walker', () => {
  test.each([
    [`import { a } from './a.js';`, './a.js', false],
    [`import type { A } from './a.js';`, './a.js', true],
    [`import { type A } from './a.js';`, './a.js', true],
    [`import { type A, b } from './a.js';`, './a.js', false],
    [`import a, { type A } from './a.js';`, './a.js', false],
    [`import * as a from './a.js';`, './a.js', false],
    [`import './a.js';`, './a.js', false],
    [`export { a } from './a.js';`, './a.js', false],
    [`export * from './a.js';`, './a.js', false],
    [`export type { A } from './a.js';`, './a.js', true],
    [`async function f() { if (1) { await import('./a.js'); } }`, './a.js', false],
    [`const a = require('pg');`, 'pg', false],
    [`let a: import('./a.js').A;`, './a.js', true],
  ])('sees %s', (text, from, typeOnly) => {
    expect(parse('src/x.ts', text).imports).toEqual([{ from, typeOnly }]);
  });

  test('sees no import in a comment or a text', () => {
    expect(parse('src/x.ts', `// import './a.js'\nconst text = "import './a.js'";`).imports).toEqual([]);
  });

  test.each([
    ['export const a = 1;', ['a']],
    ['export const a = 1, b = 2;', ['a', 'b']],
    ['// not a doc comment\nexport const a = 1;', ['a']],
    ['export function a() {}', ['a']],
    ['export abstract class A {}', ['A']],
    ['export interface A {}', ['A']],
    ['export type A = 1;', ['A']],
    ['export enum A {}', ['A']],
    ['export default class {}', ['default']],
    ['/** A. */\n@Injectable()\nexport class A {}', []],
    ['/** A. */\nexport const a = 1;', []],
    ['/** A. */\nexport type A = 1;', []],
    ['const a = 1;\nclass B {}', []],
    [`export { a } from './a.js';`, []],
  ])('knows what is documented: %j', (text, undocumented) => {
    expect(parse('src/x.ts', text).undocumented).toEqual(undocumented);
  });

  test.each([
    ['a', 1],
    ['a\n', 1],
    ['a\n\nb\n', 3],
  ])('counts the lines of %j', (text, lines) => {
    expect(parse('src/x.ts', text).lines).toBe(lines);
  });
});

describe('the rules', () => {
  /** What they say of one import. */
  const said = (path: string, from: string, typeOnly = false): string[] =>
    violations([{ path, imports: [{ from, typeOnly }], undocumented: [], lines: 1 }]);

  test.each([
    ['src/core/rotation.ts', './session.js'],
    ['src/core/refresh-token.ts', 'node:crypto'],
    ['src/config/config.ts', '../core/refresh-token.js'],
    ['src/store/database/database.ts', '../../config/config.js'],
    ['src/store/database/database.ts', '../../generated/prisma/client.js'],
    ['src/store/database/database.ts', '@prisma/adapter-pg'],
    ['src/store/database/database.ts', '@electric-sql/pglite'],
    ['src/keys/keys.module.ts', '../store/signing-key-store.js'],
    ['src/auth/ratchet.ts', '../keys/access-token-signer.js'],
    ['src/http/address-limit.guard.ts', '../auth/rate-limiter.js'],
    ['src/contracts/plec/plec.ts', '../contract.js'],
    ['src/contracts/plec/plec.ts', '../../http/errors/default-errors.js'],
    ['src/contracts/registry.ts', './plec/plec.js'],
    ['src/sessions/sessions.module.ts', '../contracts/contracts.module.js'],
    ['src/docs/docs.ts', '@nestjs/swagger'],
    ['src/app.ts', './contracts/registry.js'],
    ['src/main.ts', '@prisma/client'],
    ['src/store/traced.ts', '../tracing/current-trace.js'],
    ['src/ops/opentelemetry.ts', '@opentelemetry/api'],
  ])('let %s import %s', (path, from) => {
    expect(said(path, from)).toEqual([]);
  });

  test('let docs know the type of a contract, and no more of contracts', () => {
    expect(said('src/docs/documents.ts', '../contracts/contract.js', true)).toEqual([]);
    expect(said('src/docs/documents.ts', '../contracts/contract.js', false)).toHaveLength(1);
    expect(said('src/docs/documents.ts', '../contracts/registry.js', true)).toHaveLength(1);
    expect(said('src/ops/metrics.ts', '../contracts/contract.js', true)).toHaveLength(1);
  });

  test.each([
    ['src/core/rotation.ts', '../config/config.js', 'config is not below core'],
    ['src/core/rotation.ts', '../store/session-store.js', 'store is not below core'],
    ['src/core/rotation.ts', '@nestjs/common', 'core imports node:crypto and itself'],
    ['src/core/rotation.ts', 'node:fs', 'core imports node:crypto and itself'],
    ['src/config/environment.ts', '../store/database.js', 'store is not below config'],
    ['src/store/database/database.ts', '../../keys/sealed-key.js', 'keys is not below store'],
    ['src/keys/keys.module.ts', '../auth/auth.module.js', 'auth is not below keys'],
    ['src/auth/auth.service.ts', '../http/failure.js', 'http is not below auth'],
    ['src/http/mounted-apis.ts', '../contracts/contract.js', 'contracts is not below http'],
    ['src/http/server.ts', '../ops/log.js', 'ops is not below http'],
    ['src/ops/metrics.ts', '../sessions/sessions.service.js', 'neighbours meet only in module files'],
    ['src/sessions/sessions.service.ts', '../docs/documents.js', 'neighbours meet only in module files'],
    ['src/contracts/plec/plec.ts', '../../ops/metrics.js', 'neighbours meet only in module files'],
    ['src/contracts/plec/plec.ts', '../watchr/watchr.js', 'contracts do not know one another'],
    ['src/auth/ratchet.ts', '../generated/prisma/client.js', 'only store knows the database'],
    ['src/ops/health.controller.ts', '@prisma/client', 'only store knows the database'],
    ['src/ops/cleanup.ts', 'pg', 'only store knows the database'],
    ['src/config/environment.ts', 'pg-connection-string', 'only store knows the database'],
    ['src/keys/keys.module.ts', '@electric-sql/pglite', 'only store knows the database'],
    ['src/keys/keys.module.ts', 'pglite-prisma-adapter', 'only store knows the database'],
    ['src/ops/metrics.ts', '../app.js', 'only the root files know the root files'],
    ['src/tracing/current-trace.ts', '../store/traced.js', 'store is not below tracing'],
    ['src/tracing/current-trace.ts', '@opentelemetry/api', 'only ops/opentelemetry.ts knows OpenTelemetry'],
    ['src/app.ts', '../test/support/service.js', 'it lies outside src'],
    ['src/core/rotation.ts', '../../test/core/a-session.js', 'it lies outside src'],
    ['src/shared.ts', './core/session.js', 'it lies in no folder'],
  ])('do not let %s import %s', (path, from, why) => {
    expect(said(path, from)).toEqual([`${path} imports ${from}: ${why}`]);
  });

  test('know no folder that has no place in the layers', () => {
    expect(() => said('src/helpers/text.ts', '../core/session.js')).toThrow('src/helpers has no place');
    expect(() => said('src/auth/ratchet.ts', '../helpers/text.js')).toThrow('src/helpers has no place');
  });
});
