import { readFileSync } from 'node:fs';
import addFormats from 'ajv-formats';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readDocument, type Json } from '../contracts/as-published.ts';

const DOCUMENTS = ['plec', 'watchr', 'nest-auth', 'dynamosql', 'akinon', 'oauth', 'sessions'].flatMap(
  (name) => (name === 'oauth' || name === 'sessions' ? [name] : [name, `${name}.playground`]),
);
const CONTRACTS = ['plec', 'watchr', 'nest-auth', 'dynamosql', 'akinon', 'oauth'];

interface Failure {
  place: string;
  status: string;
  pointer: string;
  examples: unknown[];
}

/** The failures that a document tells of a JSON body of, and the examples that it gives. */
function failuresOf(document: Json): Failure[] {
  return Object.entries(document['paths'] as Record<string, Record<string, Json>>).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, { responses }]) =>
      Object.entries(responses as Record<string, { content?: Record<string, Json> }>)
        .filter(([status]) => Number(status) >= 400)
        .map(([status, { content }]) => {
          const { example, examples } = content?.['application/json'] ?? {};
          const values = Object.values((examples ?? {}) as Record<string, { value: unknown }>);
          return {
            place: `${method} ${path} ${status}`,
            status,
            pointer: `/paths/${path.replaceAll('/', '~1')}/${method}/responses/${status}/content/application~1json/schema`,
            examples: example === undefined ? values.map(({ value }) => value) : [example],
          };
        }),
    ),
  );
}

describe.each(DOCUMENTS)('who reads in openapi/%s.json what can go wrong', (name) => {
  const document = readDocument(`openapi/${name}.json`);
  const failures = failuresOf(document);

  test('finds an example of each failure, which is as its schema says', () => {
    const options = { strict: false, allErrors: true } as const;
    const ajv = String(document['openapi']).startsWith('3.1') ? new Ajv2020(options) : new Ajv(options);
    addFormats.default(ajv);
    ajv.addSchema(document, 'document');
    expect(failures.filter(({ examples }) => examples.length === 0).map(({ place }) => place)).toEqual([]);
    const unlike = failures.flatMap(({ place, pointer, examples }) => {
      const check = ajv.compile({ $ref: `document#${pointer}` });
      return examples.filter((example) => !check(example)).map((example) => [place, example, check.errors]);
    });
    expect(unlike).toEqual([]);
  });
});

describe.each(CONTRACTS)('what %s was seen to answer', (name) => {
  test('is among the examples of its document', () => {
    const goldens = JSON.parse(readFileSync(`test/contracts/goldens/${name}.json`, 'utf8')) as Record<
      string,
      Json
    >;
    // A request's id is one's own.
    const plain = (body: unknown): string =>
      JSON.stringify(body).replaceAll(/"requestId":"[^"]+"/g, '"requestId":"…"');
    const failures = failuresOf(readDocument(`openapi/${name}.json`));
    const seen = Object.entries(goldens).filter(([, { status }]) => Number(status) >= 400);
    expect(seen.length).toBeGreaterThan(5);
    const strangers = seen.filter(
      ([, { status, body }]) =>
        !failures.some(
          (failure) => failure.status === String(status) && failure.examples.map(plain).includes(plain(body)),
        ),
    );
    expect(strangers.map(([story, { status, body }]) => [story, status, body])).toEqual([]);
  });
});
