import { readdirSync, readFileSync } from 'node:fs';
import { CONTRACTS } from '../../src/contracts/registry.ts';
import { readDocument, schemasOf, type Json } from '../contracts/as-published.ts';

const DOCUMENTS = readdirSync('openapi').flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? []);

interface Failure {
  path: string;
  method: string;
  status: string;
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
            ...{ path, method, status },
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
    const shown = failures.map(({ path, method, status, examples }) => {
      const flawsOf = schemasOf(document, path, method);
      return {
        of: [method, path, status],
        number: examples.length,
        flaws: examples.flatMap((example) => flawsOf(status, example)),
      };
    });
    expect(shown.filter(({ number }) => number === 0)).toEqual([]);
    expect(shown.filter(({ flaws }) => flaws.length > 0)).toEqual([]);
  });
});

describe.each(CONTRACTS.map(({ name }) => name))('what %s was seen to answer', (name) => {
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
