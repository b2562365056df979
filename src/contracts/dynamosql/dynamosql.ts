import type { Contract } from '../contract.js';
import { dynamosqlErrors } from './dynamosql-errors.js';
import { DynamosqlController } from './dynamosql.controller.js';

/** The DynamoSQL contract: the refresh token travels in the body and is never replaced; one envelope for all answers. */
export const dynamosql: Contract = {
  name: 'dynamosql',
  controllers: [DynamosqlController],
  reads: 'application/json',
  errors: dynamosqlErrors,
  document: {
    openapi: '3.0.3',
    title: 'Ratchet: DynamoSQL contract',
    description:
      'For clients that keep one refresh token: it is not replaced, and all answers have one envelope.',
    version: '1.0',
    never: ['wrong_proof'],
    // For what else such an API has; a refresh is without it.
    security: [{ cognitoJwt: [] }],
    securitySchemes: {
      cognitoJwt: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'An access token, as a refresh gives one',
      },
    },
  },
};
