import { ownWords } from '../../http/own-words.js';
import type { Contract } from '../contract.js';
import { authControllerAt } from './auth.controller.js';

/** The PLEC contract, the default. Its error body is the service's own. */
export const plec: Contract = {
  name: 'plec',
  folder: '/auth',
  routes: { '/auth/refresh': 'POST', '/auth/logout': 'POST' },
  reads: 'application/json',
  dryRun: '/auth/refresh',
  cookie: 'refresh_token',
  words: ownWords,
  controllers: (mount) => [authControllerAt(mount)],
  document: {
    openapi: '3.0.0',
    title: 'Ratchet: PLEC contract',
    description:
      'Refresh tokens over the PLEC contract. Sample tokens such as abc123.def456 are known to dry runs only.',
    version: '1.0',
  },
};
