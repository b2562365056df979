import { Ajv, type ValidateFunction } from 'ajv';

export type Json = Record<string, unknown>;

const METHOD = { type: 'string', enum: ['email', 'sms', 'totp'] };

/** The members of a refresh's answer, as published: each one's schema, and whether it is required. */
export const MEMBERS: Readonly<Record<string, readonly [schema: Json, required: boolean]>> = {
  accessToken: [{ type: 'string' }, true],
  refreshToken: [{ type: 'string' }, true],
  message: [{ type: 'string' }, false],
  isRequiresMfa: [{ type: 'boolean' }, true],
  mfaMethods: [{ type: 'array', items: METHOD }, false],
  defaultMfaMethod: [METHOD, false],
  trustToken: [{ type: 'string' }, false],
};

/** The members that cookie mode leaves out. */
const TOKENS = new Set(['accessToken', 'refreshToken', 'trustToken']);

/** The schema of some of the members. */
export function schemaOf(names: readonly string[]): Json {
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, MEMBERS[name]![0]])),
    required: names.filter((name) => MEMBERS[name]![1]),
  };
}

const compile = (schema: Json): ValidateFunction =>
  new Ajv({ allErrors: true }).compile({ ...schema, additionalProperties: false });
const names = Object.keys(MEMBERS);
const answers = {
  header: compile(schemaOf(names)),
  cookie: compile(schemaOf(names.filter((name) => !TOKENS.has(name)))),
};
const string = { type: 'string' };
const failure = compile({
  type: 'object',
  properties: { message: string, code: string },
  required: ['message', 'code'],
});
const codeOf401 = compile({
  type: 'object',
  properties: { message: string, code: { enum: ['REFRESH_TOKEN_INVALID', 'REFRESH_TOKEN_EXPIRED'] } },
});

/** Holds a body against what is published of its status, with nothing beside. */
export function expectAsPublished(status: number, body: unknown, mode: 'header' | 'cookie' = 'header'): void {
  const schemas = status === 200 ? [answers[mode]] : [failure, ...(status === 401 ? [codeOf401] : [])];
  for (const schema of schemas) {
    schema(body);
    expect(schema.errors ?? []).toEqual([]);
  }
}
