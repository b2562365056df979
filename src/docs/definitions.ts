import type { OpenAPIObject } from '@nestjs/swagger';
import type { NamedDocument } from './documents.js';
import { operationsOf } from './operations.js';
import { dryAtFirst } from './playground.js';
import { schemasUsed } from './schemas-used.js';

/** A document as the page at /docs has it, and what a person picks it by. */
export interface Definition {
  readonly name: string;
  readonly title: string;
  readonly document: OpenAPIObject;
}

/**
 * What the page at /docs shows: a definition for each API, with each operation once, dry unless the reader says
 * otherwise. The own APIs are first, since everything begins with a session, and say where to go on.
 */
export function definitionsOf(documents: readonly NamedDocument[]): Definition[] {
  const own = documents.find(({ name }) => name === 'sessions')!;
  const devices = documents.find(({ name }) => name === 'devices')!;
  const contracts = documents
    .filter(({ mount, isPlayground }) => mount && !isPlayground)
    .map(({ name, document }) => ({
      name,
      title: name,
      document: withBlanks(underOneTag(dryAtFirst(document))),
    }));
  const start = structuredClone(own.document);
  const choices = contracts.map(
    ({ title, document: { info } }) =>
      `- [${title}](?urls.primaryName=${encodeURIComponent(title)}): ${info.description!.split('\n', 1)[0]}`,
  );
  start.info.description = `${START}\n\n${WHICH_CONTRACT}\n\n${choices.join('\n')}`;
  return [
    { name: own.name, title: 'start here: sessions, clients, keys', document: start },
    ...contracts,
    { name: devices.name, title: devices.name, document: devices.document },
  ];
}

/** Swagger UI shows an operation once for each of its tags. */
function underOneTag(document: OpenAPIObject): OpenAPIObject {
  for (const operation of operationsOf(document))
    operation['tags'] = (operation['tags'] as string[]).slice(0, 1);
  return document;
}

/** Swagger UI puts "string" into each field of a form that has no example, and sends it: what is optional is left empty. */
function withBlanks(document: OpenAPIObject): OpenAPIObject {
  for (const name of Object.keys(schemasUsed(formsIn(document), document))) {
    const { properties = {}, required = [] } = document.components!.schemas![name] as FormSchema;
    for (const [property, schema] of Object.entries(properties))
      if (!required.includes(property)) schema.example ??= schema.type === 'array' ? [] : '';
  }
  return document;
}

interface FormSchema {
  readonly properties?: Record<string, { type?: string; example?: unknown }>;
  readonly required?: readonly string[];
}

function formsIn(document: OpenAPIObject): unknown[] {
  return operationsOf(document).flatMap(({ requestBody }) => {
    const { content } = (requestBody ?? {}) as { content?: Record<string, unknown> };
    return content?.['application/x-www-form-urlencoded'] ?? [];
  });
}

const START = [
  '**Start here.** Press **Authorize** and paste a service key: on a trial, what is in `data/service-key`; else one of',
  '`SERVICE_KEYS`. Then press **Execute** at the first operation: it opens a session for `ada`. From then on, the sample',
  'id and the sample token stand for that session, in the other definitions too, wherever a request is no dry run.',
].join(' ');
const WHICH_CONTRACT = 'Then choose the contract that your frontends speak, by what they are:';
