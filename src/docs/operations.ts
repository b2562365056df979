import type { OpenAPIObject } from '@nestjs/swagger';

/** An object of an OpenAPI document. */
export type Json = Record<string, unknown>;

/** The operations of a document. */
export function operationsOf({ paths }: OpenAPIObject): Json[] {
  return Object.values(paths).flatMap((item) => Object.values(item) as Json[]);
}

/** The parameters of an operation. */
export function parametersOf(operation: Json): Json[] {
  return (operation['parameters'] as Json[] | undefined) ?? [];
}
