import type { Contract } from '../contract.js';
import { NestAuthExtrasDto } from './nest-auth-extras.dto.js';
import { nestAuthWords } from './nest-auth-words.js';
import { nestAuthControllerAt } from './nest-auth.controller.js';
import { TOKEN_TYPE_HEADER } from './token-type.js';

/** The nest-auth contract: tokens in the body, or in cookies alone. */
export const nestAuth: Contract = {
  name: 'nest-auth',
  folder: '/auth',
  routes: { '/auth/refresh-token': 'POST' },
  reads: 'application/json',
  dryRun: '/auth/refresh-token',
  cookie: 'refreshToken',
  // Its client sends both with every request, the second once it holds a trust token.
  headers: [TOKEN_TYPE_HEADER, 'nest_auth_device_trust'],
  extras: NestAuthExtrasDto,
  words: nestAuthWords,
  controllers: (mount) => [nestAuthControllerAt(mount)],
  document: {
    openapi: '3.0.0',
    title: 'Ratchet: nest-auth contract',
    description: 'Refresh tokens over the contract of nest-auth and its client.',
    version: '1.0',
  },
};
