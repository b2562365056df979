import type { Contract } from '../contract.js';
import { watchrWords } from './watchr-words.js';
import { watchrControllerAt } from './watchr.controller.js';

/** The Watchr contract: the refresh token travels in a cookie alone, and errors are FastAPI's. */
export const watchr: Contract = {
  name: 'watchr',
  folder: '/auth',
  routes: { '/auth/refresh': 'POST' },
  reads: 'application/json',
  dryRun: '/auth/refresh',
  cookie: 'refresh_token',
  words: watchrWords,
  controllers: (mount) => [watchrControllerAt(mount)],
  document: {
    openapi: '3.1.0',
    title: 'Ratchet: Watchr contract',
    description: 'Refresh tokens over the Watchr contract.',
    version: '1.0',
    security: [],
  },
};
