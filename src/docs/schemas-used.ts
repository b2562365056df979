import type { OpenAPIObject } from '@nestjs/swagger';

/** The schemas that `part` refers to, and those that these refer to. */
export function schemasUsed(
  part: unknown,
  whole: OpenAPIObject,
): NonNullable<OpenAPIObject['components']>['schemas'] & object {
  const all = whole.components?.schemas ?? {};
  const used = new Set<string>();
  const pending: unknown[] = [part];
  while (pending.length > 0) {
    for (const [, name] of JSON.stringify(pending.pop()).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (!used.has(name!)) pending.push(all[name!]);
      used.add(name!);
    }
  }
  return Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name)));
}
