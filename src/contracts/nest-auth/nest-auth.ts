import type { Contract } from '../contract.js';
import { NestAuthExtrasDto } from './nest-auth-extras.dto.js';
import { nestAuthErrors } from './nest-auth-errors.js';
import { NestAuthController } from './nest-auth.controller.js';
import { accessCookieOf, readTokenType, TOKEN_TYPE_HEADER } from './token-type.js';

/** The nest-auth contract: tokens in the body, or in cookies alone. */
export const nestAuth: Contract = {
  name: 'nest-auth',
  settings: readTokenType,
  controllers: [NestAuthController],
  reads: 'application/json',
  cookie: 'refreshToken',
  accessCookie: (config, tokenType) => (tokenType === 'header' ? undefined : accessCookieOf(config)),
  // Its client sends both with every request, the second once it holds a trust token.
  headers: [TOKEN_TYPE_HEADER, 'nest_auth_device_trust'],
  extras: NestAuthExtrasDto,
  errors: nestAuthErrors,
  document: {
    openapi: '3.0.0',
    title: 'Ratchet: nest-auth contract',
    description: 'For frontends that use the client of nest-auth: both tokens in the body, or in cookies.',
    version: '1.0',
    never: ['wrong_proof'],
  },
};
