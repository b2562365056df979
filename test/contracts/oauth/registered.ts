import type { TestService } from '../../support/service.ts';

/** A client as POST /clients answered. */
export interface Registered {
  id: string;
  secret?: string;
  [member: string]: unknown;
}

let count = 0;

/** Registers a client with a new id. */
export async function register(
  service: TestService,
  wanted: Record<string, unknown> = {},
): Promise<Registered> {
  const response = await service.api('POST', '/clients', { id: `client-${++count}`, ...wanted });
  if (response.status !== 201) throw new Error(`POST /clients: ${response.status} ${await response.text()}`);
  return (await response.json()) as Registered;
}
