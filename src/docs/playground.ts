import type { OpenAPIObject } from '@nestjs/swagger';
import { ACCEPTED_SAMPLE } from '../auth/sample-tokens.js';
import { operationsOf, parametersOf, type Json } from './operations.js';
import { schemasUsed } from './schemas-used.js';

/** What the answers of a playground can be: a foreign origin, a flood or an outage is no one's first try. */
const SHOWN_STATUSES = new Set(['200', '201', '400', '401', '422']);

/** What a newcomer reads first. The tokens are those of src/auth/sample-tokens.ts. */
const WHAT_TO_TRY = [
  'Press **Execute**. Other sample tokens are refused, each for its reason: `expired.def456`, `revoked.def456`,',
  '`reused.def456`, `malformed.def456`.',
].join(' ');
const ALL_DRY = [
  'Every request here is a dry run: checked and answered as for real, but nothing is written and the tokens in the',
  'answer open nothing.',
].join(' ');
const DRY_AT_FIRST = [
  'With `dryRun` on `true`, a request is checked and answered as for real, but nothing is written and the tokens in the',
  'answer open nothing.',
].join(' ');

/**
 * The playground's document of a contract: only operations that can be run dry, `dryRun` required and pinned to
 * `true`, the body required (a documentation page has no cookie), and without what is marked `x-service-only`.
 * Undefined if there is no such operation.
 */
export function playgroundOf(service: OpenAPIObject): OpenAPIObject | undefined {
  const document = structuredClone(service);
  for (const [path, item] of Object.entries(document.paths) as [string, Json][]) {
    for (const [method, operation] of Object.entries(item) as [string, Json][]) {
      if (!canRunDry(operation)) delete item[method];
      else pinDryRun(operation);
    }
    if (Object.keys(item).length === 0) delete document.paths[path];
  }
  if (Object.keys(document.paths).length === 0) return undefined;
  document.components = { ...document.components, schemas: schemasUsed(document.paths, document) };
  document.info.title += ' (playground)';
  document.info.description = `${ALL_DRY} ${WHAT_TO_TRY}`;
  removeServiceOnly(document);
  return document;
}

/**
 * A contract's document for the page of the service itself: what can be run dry is, unless the reader chooses otherwise,
 * with the sample token in the body, or in the cookie.
 */
export function dryAtFirst(service: OpenAPIObject): OpenAPIObject {
  const document = structuredClone(service);
  const dry = operationsOf(document).filter(canRunDry);
  for (const operation of dry) {
    setDryRun(operation, { type: 'string', enum: ['true', 'false'], default: 'true' });
    requireBody(operation);
    for (const parameter of parametersOf(operation))
      if (parameter['in'] === 'cookie') parameter['example'] = ACCEPTED_SAMPLE;
  }
  if (dry.length > 0)
    document.info.description = `${document.info.description}\n\n${DRY_AT_FIRST} ${WHAT_TO_TRY}`;
  return document;
}

/** A contract's document where nothing is run dry: without the parameter, and the header that answers it. */
export function withoutDryRuns(service: OpenAPIObject): OpenAPIObject {
  const document = structuredClone(service);
  for (const operation of operationsOf(document).filter(canRunDry)) {
    operation['parameters'] = parametersOf(operation).filter(({ name }) => name !== 'dryRun');
    for (const response of Object.values(operation['responses'] as Record<string, Json>))
      delete (response['headers'] as Json | undefined)?.['Dry-Run'];
  }
  return document;
}

function canRunDry(operation: Json): boolean {
  return parametersOf(operation).some((parameter) => parameter['name'] === 'dryRun');
}

function pinDryRun(operation: Json): void {
  setDryRun(operation, { type: 'string', enum: ['true'], default: 'true' });
  requireBody(operation);
  const responses = operation['responses'] as Json;
  for (const [status, response] of Object.entries(responses) as [string, Json][]) {
    delete response['headers'];
    if (!SHOWN_STATUSES.has(status)) delete responses[status];
  }
}

function setDryRun(operation: Json, schema: Json): void {
  const parameter = parametersOf(operation).find(({ name }) => name === 'dryRun');
  Object.assign(parameter!, { required: true, schema });
}

function requireBody({ requestBody }: Json): void {
  if (requestBody) (requestBody as Json)['required'] = true;
}

function removeServiceOnly(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value) as [string, unknown][]) {
    if ((inner as Json | null)?.['x-service-only'] === true) delete (value as Json)[name];
    else removeServiceOnly(inner);
  }
}
