import { defaultErrors } from '../../http/errors/default-errors.js';
import type { Contract } from '../contract.js';
import { AuthController } from './auth.controller.js';

/** The PLEC contract, the default. Its error body is the service's own. */
export const plec: Contract = {
  name: 'plec',
  controllers: [AuthController],
  reads: 'application/json',
  cookie: 'refresh_token',
  errors: defaultErrors,
  document: {
    openapi: '3.0.0',
    title: 'Ratchet: PLEC contract',
    description:
      'The default, for pages and apps of your own: JSON in camelCase, with the cookie or with the token in the body.',
    version: '1.0',
    never: ['wrong_proof'],
  },
};
