import { ApiSchema } from '@nestjs/swagger';

/**
 * Documents what a body looks like that does something sensible as it stands: what a documentation page fills in. Without
 * it, such a page makes one of all members at once.
 */
export const Sample = (example: object): ClassDecorator =>
  // Nest writes it, but its type knows only the name and the description of a schema.
  ApiSchema({ example } as never);
