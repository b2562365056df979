import { readFileSync } from 'node:fs';
import addFormats from 'ajv-formats';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

/** A JSON object. */
export type Json = Record<string, unknown>;

/** A published document, or one of ours. */
export function readDocument(file: string): Json {
  return parse(readFileSync(file, 'utf8')) as Json;
}

/** What lies at a path of members. */
export function at(value: unknown, ...path: string[]): unknown {
  return path.reduce((inner, name) => (inner as Json)[name], value);
}

/** A document with what lies at a path replaced, or removed if `value` is undefined. */
export function altered(document: Json, path: readonly string[], value: unknown): Json {
  const copy = structuredClone(document);
  const host = at(copy, ...path.slice(0, -1)) as Json;
  if (value === undefined) delete host[path.at(-1)!];
  else host[path.at(-1)!] = value;
  return copy;
}

/** How two documents differ: the places of what is lacking, or is said otherwise, and of what is said beyond. */
export interface Differences {
  readonly lacking: string[];
  readonly beyond: string[];
}

/** Compares all but words, servers and the list of tags, which are each document's own. */
export function compareDocuments(published: Json, ours: Json): Differences {
  const [theirs, own] = [published, ours].map((document) => {
    const { openapi, security, paths, components } = document;
    return new Map(leavesOf({ openapi, security, paths, components }, ''));
  }) as [Map<string, unknown>, Map<string, unknown>];
  return {
    lacking: [...theirs].filter(([place, leaf]) => own.get(place) !== leaf).map(([place]) => place),
    beyond: [...own.keys()].filter((place) => !theirs.has(place)),
  };
}

/** Words are ours. */
const WORDS = new Set(['description', 'example', 'examples', 'summary']);

function leavesOf(value: unknown, place: string): [place: string, leaf: unknown][] {
  if (typeof value !== 'object' || value === null) return [[place, value]];
  // Of a property that is called as a word is, the schema counts.
  const named = place.endsWith('/properties');
  const members = Object.entries(inOrder(value)).filter(
    ([name, inner]) => inner !== undefined && (named || !WORDS.has(name)),
  );
  if (members.length === 0) return [[place, Array.isArray(value) ? '[]' : '{}']];
  return members.flatMap(([name, inner]) => leavesOf(inner, `${place}/${name.replaceAll('/', '~')}`));
}

/** Lists whose order says nothing, by what their members are known by. */
function inOrder(value: object): object {
  if (!Array.isArray(value)) return value;
  const list = value as unknown[];
  if (list.every((item) => typeof item === 'string')) return [...list].sort();
  const parameters = list as { in?: string; name?: string }[];
  if (!parameters.every((parameter) => parameter.in)) return list;
  return Object.fromEntries(parameters.map((parameter) => [`${parameter.in} ${parameter.name}`, parameter]));
}

/** What a document's paths are under: nothing, if its server is `/`. */
export function baseOf(document: Json): string {
  const [server] = document['servers'] as [{ url: string }];
  return server.url.replace(/\/$/, '');
}

/** Holds bodies against the schemas of a document's operation; gives what does not fit, so nothing if all does. */
export function schemasOf(
  document: Json,
  path: string,
  method = 'post',
): (status: string, body: unknown) => unknown[] {
  const options = { strict: false, allErrors: true } as const;
  const ajv = String(document['openapi']).startsWith('3.1') ? new Ajv2020(options) : new Ajv(options);
  addFormats.default(ajv);
  ajv.addSchema(document, 'document');
  const compiled = new Map<string, ValidateFunction>();
  return (status, body) => {
    const place = `/paths/${path.replaceAll('/', '~1')}/${method}/responses/${status}/content/application~1json/schema`;
    const schema = compiled.get(status) ?? ajv.compile({ $ref: `document#${place}` });
    compiled.set(status, schema);
    return schema(body) ? [] : schema.errors!;
  };
}
