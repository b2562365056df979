import type { Type } from '@nestjs/common';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage } from 'class-validator';
import type { Flaw } from '../../core/refusal.js';
import { likelyName } from '../../config/likely-name.js';

/** More than these are not told, be it thousands. */
const MOST_FLAWS = 8;
const MOST_CHARS = 64;

const members = new Map<Type | undefined, readonly string[]>();

/**
 * The members of `value` that its DTO does not know, and those of the DTOs nested in it: a flaw each, with the name that
 * was probably meant.
 *
 * @param dto undefined if nothing is known at all
 * @param path what `value` lies under, such as `lifetimes.`
 */
export function unknownMembers(
  dto: Type | undefined,
  value: unknown,
  place: 'body' | 'query',
  path = '',
): Flaw[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const known = membersOf(dto);
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  const nested = known.flatMap((name) => {
    const inner = dto && nestedIn(dto, name);
    const given = (value as Record<string, unknown>)[name];
    return inner
      ? [given].flat().flatMap((each) => unknownMembers(inner, each, place, `${path}${name}.`))
      : [];
  });
  return [...unknown.slice(0, MOST_FLAWS).map((name) => flawOf(name, known, place, path)), ...nested];
}

function flawOf(given: string, known: readonly string[], place: 'body' | 'query', path: string): Flaw {
  const name = given.slice(0, MOST_CHARS);
  const likely = likelyName(name, known);
  const instead =
    known.length === 0
      ? `: this request takes no ${place}`
      : likely === undefined
        ? `; known are ${known.join(', ')}`
        : `; did you mean ${path}${likely}?`;
  return { in: place, name, message: `${path}${name} is not known${instead}` };
}

function membersOf(dto: Type | undefined): readonly string[] {
  let names = members.get(dto);
  if (!names) {
    const rules = dto ? getMetadataStorage().getTargetValidationMetadatas(dto, '', false, false) : [];
    names = [...new Set(rules.map(({ propertyName }) => propertyName))];
    members.set(dto, names);
  }
  return names;
}

/** The DTO that a member is read as, if it is one: a Number, say, has no members of its own to be known. */
function nestedIn(dto: Type, member: string): Type | undefined {
  const type = defaultMetadataStorage.findTypeMetadata(dto, member)?.typeFunction() as Type | undefined;
  return type && membersOf(type).length > 0 ? type : undefined;
}
