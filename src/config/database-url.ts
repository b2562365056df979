import { parseUrl } from './text.js';

/** Before the hosts, the hosts, and what follows them. The user's password may have an `@` of its own. */
const PARTS = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is;
/** What `target_session_attrs` may ask for: each refresh is a write. */
const WRITABLE = [null, 'any', 'read-write', 'primary'];

/** A URL for each server that `url` names, as libpq lists them: `host:port,host:port`. Empty if it is none. */
export function serversOf(url: string): string[] {
  const [, before, hosts, after] = PARTS.exec(url) ?? [];
  const servers = (hosts ?? '').split(',').map((host) => `${before}${host}${after}`);
  // A single server may have no name: it is the one that the driver takes by itself.
  const named = servers.length === 1 || servers.every((server) => parseUrl(server)?.hostname);
  return named && servers.every(isPostgresUrl) ? servers : [];
}

/** The servers that `url` names as `host:port`, for people to read: nothing of who connects, or how. */
export function hostsOf(url: string): string {
  const hosts = serversOf(url).map((server) => {
    const { hostname, port, searchParams } = new URL(server);
    return searchParams.get('host') ?? `${hostname || 'localhost'}:${port || 5432}`;
  });
  return hosts.join(', ');
}

/** Whether `url` says that PgBouncer stands before the servers. */
export function isPooled(url: string): boolean {
  return new URL(serversOf(url)[0]!).searchParams.get('pgbouncer') === 'true';
}

/** What is wrong with a `DATABASE_URL`, if anything is. */
export function mistakeIn(url: string): string | undefined {
  const servers = serversOf(url);
  if (servers.length === 0) return 'is not a postgresql:// URL';
  if (new Set(servers).size < servers.length) return 'names a server twice';
  const { searchParams } = new URL(servers[0]!);
  const pooled = searchParams.get('pgbouncer') ?? 'false';
  if (!['true', 'false'].includes(pooled)) return `has pgbouncer=${pooled}, which is neither true nor false`;
  const asked = searchParams.get('target_session_attrs');
  if (servers.length === 1 || WRITABLE.includes(asked)) return undefined;
  return `asks for a server with target_session_attrs=${asked}, but Ratchet must write; leave it out`;
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:$/.test(parseUrl(text)?.protocol ?? '');
}
