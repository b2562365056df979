import type { Contract } from '../contract.js';
import { watchrErrors } from './watchr-errors.js';
import { WatchrController } from './watchr.controller.js';

/** The Watchr contract: the refresh token travels in a cookie alone, and errors are FastAPI's. */
export const watchr: Contract = {
  name: 'watchr',
  controllers: [WatchrController],
  reads: 'application/json',
  cookie: 'refresh_token',
  errors: watchrErrors,
  document: {
    openapi: '3.1.0',
    title: 'Ratchet: Watchr contract',
    description:
      'For frontends written for FastAPI: the token in the cookie alone, and the errors of FastAPI.',
    version: '1.0',
    flaw: { in: 'cookie', name: 'refresh_token', message: 'the cookie refresh_token was sent 9 times' },
    never: ['wrong_proof'],
    security: [],
  },
};
