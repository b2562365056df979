import {
  ValidationPipe,
  type ArgumentMetadata,
  type PipeTransform,
  type ValidationError,
} from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import type { Flaw } from '../../core/refusal.js';
import { RefusalException } from '../errors/http-refusal.js';
import { flatReader, type FlatReader } from './flat-reader.js';

/**
 * Holds requests against their DTOs: unknown members are dropped, wrong ones are refused with a sentence each. No
 * sentence quotes a value, since a value may be a token.
 */
export class DtoValidation implements PipeTransform {
  private readonly readers = new Map<unknown, FlatReader | undefined>();
  private readonly pipe = new ValidationPipe({
    transform: true,
    whitelist: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) => new Invalid(errors),
  });

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    // What needs no sentence need not be prepared to be given one, which is most of what the pipe costs.
    return this.readerOf(metadata)?.(value) ?? this.judge(value, metadata);
  }

  private readerOf({ type, metatype }: ArgumentMetadata): FlatReader | undefined {
    if (type === 'custom' || !metatype) return undefined;
    if (!this.readers.has(metatype)) this.readers.set(metatype, flatReader(metatype));
    return this.readers.get(metatype);
  }

  private async judge(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    try {
      return (await this.pipe.transform(onlyKnown(value, metadata), metadata)) as unknown;
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      const place = metadata.type === 'query' ? 'query' : 'body';
      throw new RefusalException({
        reason: 'invalid_request',
        flaws: error.errors.flatMap((each) => flawsOf(each, place)),
      });
    }
  }
}

/** Drops members that the DTO does not know: class-transformer compares the name of each with those of all others. */
function onlyKnown(value: unknown, { metatype }: ArgumentMetadata): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !metatype) return value;
  const rules = getMetadataStorage().getTargetValidationMetadatas(metatype, '', false, false);
  if (rules.length === 0) return value;
  const known = new Set(rules.map(({ propertyName }) => propertyName));
  return Object.fromEntries(Object.entries(value).filter(([name]) => known.has(name)));
}

class Invalid extends Error {
  constructor(readonly errors: readonly ValidationError[]) {
    super('invalid');
  }
}

function flawsOf(
  { property, constraints = {}, children = [] }: ValidationError,
  place: Flaw['in'],
  path = '',
): Flaw[] {
  const name = property === place ? {} : { name: path + property };
  const own = Object.values(constraints).map((message) => ({ in: place, ...name, message: path + message }));
  return [...own, ...children.flatMap((child) => flawsOf(child, place, `${path}${property}.`))];
}
