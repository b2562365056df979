import type { Type } from '@nestjs/common';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, type ValidationArguments } from 'class-validator';

/** Gives a value as an instance of its DTO, or undefined if there is anything to say against it. */
export type FlatReader = (value: unknown) => object | undefined;

type Check = (dto: object, value: unknown) => boolean;

interface Property {
  readonly name: string;
  /** Whether its rules apply at all (ValidateIf, IsOptional). */
  readonly conditions: Check[];
  readonly rules: Check[];
}

/** As class-transformer numbers the kinds of transformation. */
const PLAIN_TO_CLASS = 0;

/**
 * A reader for a DTO whose members are texts, numbers or booleans, each under rules of its own. It asks the DTO's own
 * class-validator rules and prepares no sentence for what they say. Undefined for any other DTO.
 */
export function flatReader(dto: Type): FlatReader | undefined {
  const storage = getMetadataStorage();
  const metadata = storage.getTargetValidationMetadatas(dto, '', false, false);
  const properties = new Map<string, Property>();
  for (const { propertyName: name, type, each, groups, validateIf, constraints, constraintCls } of metadata) {
    const grouped = (groups as string[] | undefined)?.length;
    if (each || grouped || validateIf || isTransformed(dto, name)) return undefined;
    const property = properties.get(name) ?? { name, conditions: [], rules: [] };
    properties.set(name, property);
    if (type === 'conditionalValidation') property.conditions.push(constraints[0] as Check);
    else if (type !== 'customValidation') return undefined;
    else
      for (const { instance, async } of storage.getTargetValidatorConstraints(constraintCls)) {
        if (async) return undefined;
        property.rules.push((object, value) => {
          const about: ValidationArguments = {
            value,
            constraints,
            targetName: dto.name,
            object,
            property: name,
          };
          return instance.validate(value, about) as boolean;
        });
      }
  }
  if (properties.size === 0) return undefined;
  const all = [...properties.values()];
  return (value) => read(dto, all, value);
}

function isTransformed(dto: Type, property: string): boolean {
  return (
    defaultMetadataStorage.findTypeMetadata(dto, property) !== undefined ||
    defaultMetadataStorage.findTransformMetadatas(dto, property, PLAIN_TO_CLASS).length > 0
  );
}

function read(dto: Type, properties: readonly Property[], value: unknown = {}): object | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const instance = new dto() as Record<string, unknown>;
  for (const { name } of properties) {
    const member = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    if (typeof member === 'object' && member !== null) return undefined;
    if (member !== undefined) instance[name] = member;
  }
  const isValid = ({ name, conditions, rules }: Property): boolean => {
    const holds = (check: Check): boolean => check(instance, instance[name]);
    return !conditions.every(holds) || rules.every(holds);
  };
  return properties.every(isValid) ? instance : undefined;
}
