import type { RawRequest } from '../../support/raw-http.ts';
import type { MakeFrontend } from '../frontend.ts';
import { register } from './registered.ts';

const frontend: MakeFrontend = async (service, prefix) => {
  const { id, secret } = await register(service);
  const authorization = `Basic ${Buffer.from(`${id}:${secret!}`).toString('base64')}`;
  const post = (body: string): RawRequest => ({
    path: `${prefix}/oauth/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization },
    body: `grant_type=refresh_token${body}`,
  });
  return {
    ask: (token) => post(token === undefined ? '' : `&refresh_token=${token}`),
    askWrongly: post('&refresh_token=a&refresh_token=b'),
    session: { clientId: id, scope: 'read write' },
  };
};

export default frontend;
