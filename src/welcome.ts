import { relative } from 'node:path';
import type { Config } from './config/config.js';

/**
 * What a newcomer may try first: printed in embedded mode only, since a server's log is for machines. It says localhost, as
 * the pages of whoever tries it do: to a browser, 127.0.0.1 is another site.
 */
export function welcome(config: Config, listeningAt: string): string {
  if (config.database.kind !== 'embedded') return '';
  const url = listeningAt.replace('//127.0.0.1:', '//localhost:');
  const key = config.serviceKeys[0]?.file;
  const bearer = key ? `$(cat ${relative(process.cwd(), key)})` : '<your service key>';
  const json = `-H 'content-type: application/json'`;
  const field = `node -pe 'JSON.parse(fs.readFileSync(0)).refreshToken'`;
  return `
Ratchet listens at ${url}
  tokens say     iss ${config.issuer}, aud ${config.audience}
${config.docs ? `  documentation  ${url}/docs\n` : ''}  service key    ${key ?? 'as set in SERVICE_KEYS'}

Try it:
  # open a session, as a login backend would
  RT=$(curl -s ${url}/sessions -H "authorization: Bearer ${bearer}" ${json} -d '{"subject":"ada"}' | ${field})
  # refresh it, as a frontend would
  curl -s ${url}/auth/refresh ${json} -d '{"refreshToken":"'$RT'"}'
${config.dryRun === 'off' ? '' : dryRun(url, json)}
`;
}

function dryRun(url: string, json: string): string {
  return `  # a dry run with the sample token of the documentation
  curl -s '${url}/auth/refresh?dryRun=true' ${json} -d '{"refreshToken":"abc123.def456"}'
`;
}
