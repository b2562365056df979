import { ownWords } from '../../http/own-words.js';
import type { Contract } from '../contract.js';
import { authControllerAt } from './auth.controller.js';

/** The PLEC contract, the default. Its error body is the service's own. */
export const plec: Contract = {
  name: 'plec',
  folder: '/auth',
  routes: { '/refresh': 'POST', '/logout': 'POST' },
  cookie: 'refresh_token',
  words: ownWords,
  controller: authControllerAt,
  about: {
    title: 'Ratchet: PLEC contract',
    description: 'Refresh tokens over the PLEC contract.',
    version: '1.0',
  },
};
