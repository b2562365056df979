import { RequestMethod, SetMetadata, applyDecorators, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { ApiQuery } from '@nestjs/swagger';

/** A route as a controller's decorators state it. */
export interface Route {
  readonly method: string;
  /** Such as `/auth/refresh`. */
  readonly path: string;
  /** Whether it knows `dryRun`. */
  readonly dryRun: boolean;
}

const DRY_RUN = 'ratchet:dry-run';
const scanner = new MetadataScanner();

/** Marks a route that can be run dry, and documents its query. ContractCall reads it. */
export const DryRun = (): MethodDecorator =>
  applyDecorators(
    SetMetadata(DRY_RUN, true),
    ApiQuery({
      name: 'dryRun',
      required: false,
      description:
        'When true, checks everything and answers in the same shape, but writes nothing and issues nothing usable. Sample tokens such as abc123.def456 are known to dry runs only',
      schema: { type: 'string', enum: ['true', 'false'], default: 'false' },
    }),
  );

/** The path that a controller's decorator states, such as `/auth`. */
export function folderOf(controller: Type): string {
  return `/${trimmed(Reflect.getMetadata(PATH_METADATA, controller))}`;
}

/** The routes of a controller, as Nest will register them: stated once, by its decorators. */
export function routesOf(controller: Type): Route[] {
  const handlers = controller.prototype as Record<string, object>;
  return scanner.getAllMethodNames(handlers).flatMap((name) => {
    const handler = handlers[name]!;
    const path: unknown = Reflect.getMetadata(PATH_METADATA, handler);
    if (path === undefined) return [];
    const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
    const dryRun = Reflect.getMetadata(DRY_RUN, handler) === true;
    return [{ method, path: [folderOf(controller), trimmed(path)].filter(Boolean).join('/'), dryRun }];
  });
}

function trimmed(path: unknown): string {
  return String(path).replace(/^\/+|\/+$/g, '');
}
