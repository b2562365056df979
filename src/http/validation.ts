import { ValidationPipe, type ArgumentMetadata, type ValidationError } from '@nestjs/common';
import type { Flaw } from '../core/refusal.js';
import { FailedRequest } from './failure.js';

/**
 * Holds requests against their DTOs: unknown members are dropped, wrong ones are refused with a sentence each. No
 * sentence quotes a value, since a value may be a token.
 */
export class DtoValidation extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      stopAtFirstError: true,
      exceptionFactory: (errors) => new Invalid(errors),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    try {
      return (await super.transform(value, metadata)) as unknown;
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      const place = metadata.type === 'query' ? 'query' : 'body';
      throw new FailedRequest({
        reason: 'invalid_request',
        flaws: error.errors.flatMap((each) => flawsOf(each, place)),
      });
    }
  }
}

class Invalid extends Error {
  constructor(readonly errors: readonly ValidationError[]) {
    super('invalid');
  }
}

function flawsOf({ property, constraints = {}, children = [] }: ValidationError, place: Flaw['in']): Flaw[] {
  const name = property === place ? {} : { name: property };
  const own = Object.values(constraints).map((message) => ({ in: place, ...name, message }));
  return [...own, ...children.flatMap((child) => flawsOf(child, place))];
}
