import type { MakeFrontend } from '../frontend.ts';

const frontend: MakeFrontend = (_service, prefix) => {
  const path = `${prefix}/tokens/refresh`;
  return {
    ask: (token) => ({ path, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }),
    askWrongly: { path, headers: { authorization: 'Bearer 42' } },
  };
};

export default frontend;
