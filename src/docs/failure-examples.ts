import type { OpenAPIObject } from '@nestjs/swagger';
import type { Flaw } from '../core/refusal.js';
import { HTTP_REFUSAL_REASONS } from '../http/errors/default-errors.js';
import type { ErrorFormat } from '../http/errors/error-reply.js';
import type { HttpRefusalReason } from '../http/errors/http-refusal.js';
import { operationsOf, type Json } from './operations.js';

/** What an API's failures are made of. */
export interface Failures {
  readonly errors: ErrorFormat;
  /** What is wrong with an invalid request that is typical of it. */
  readonly flaw?: Flaw;
  /** What it never refuses for. */
  readonly never?: readonly HttpRefusalReason[];
}

const NO_TEXT: Flaw = { in: 'body', name: 'refreshToken', message: 'refreshToken must be a string' };
const REQUEST_ID = '7c9e6679-7425-40de-944b-e07fc1f90ae7';

/**
 * Gives each failure in a document an example of the body that the service answers, made by what makes the answers: one
 * for each refusal that has its status, those of the same body once. A failure that has an example already keeps it.
 */
export function exemplifyFailures(document: OpenAPIObject, failures: Failures): void {
  const bodies = bodiesByStatus(failures);
  for (const response of responsesOf(document)) {
    const [status, content] = response;
    if ('example' in content || 'examples' in content) continue;
    const [first, ...others] = [...(bodies.get(status) ?? [])];
    if (!first) continue;
    if (others.length === 0) content['example'] = JSON.parse(first[0]);
    else
      content['examples'] = Object.fromEntries(
        [first, ...others].map(([body, reason]) => [reason, { value: JSON.parse(body) as unknown }]),
      );
  }
}

/** For each status, the bodies as text, and the first refusal that each is of. */
function bodiesByStatus({
  errors,
  flaw = NO_TEXT,
  never = [],
}: Failures): Map<string, Map<string, HttpRefusalReason>> {
  const bodies = new Map<string, Map<string, HttpRefusalReason>>();
  for (const reason of HTTP_REFUSAL_REASONS) {
    if (never.includes(reason)) continue;
    const flaws = reason === 'invalid_request' ? { flaws: [flaw] } : {};
    const { status, body } = errors({ reason, ...flaws }, REQUEST_ID);
    const ofStatus = bodies.get(String(status)) ?? new Map<string, HttpRefusalReason>();
    bodies.set(String(status), ofStatus);
    const text = JSON.stringify(body);
    if (!ofStatus.has(text)) ofStatus.set(text, reason);
  }
  return bodies;
}

/** Each failure's status, and what the document says of its JSON. */
function responsesOf(document: OpenAPIObject): [status: string, content: Json][] {
  return operationsOf(document)
    .flatMap(({ responses = {} }) => Object.entries(responses as Record<string, Json>))
    .flatMap(([status, { content }]): [string, Json][] => {
      const json = (content as Record<string, Json> | undefined)?.['application/json'];
      return json && Number(status) >= 400 ? [[status, json]] : [];
    });
}
