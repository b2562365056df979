import type { MakeFrontend } from '../frontend.ts';

const frontend: MakeFrontend = (_service, prefix) => {
  const path = `${prefix}/auth/refresh`;
  return {
    ask: (token) => ({ path, headers: token === undefined ? {} : { cookie: `refresh_token=${token}` } }),
    askWrongly: { path, headers: { cookie: 'refresh_token=j%3A42' } },
  };
};

export default frontend;
