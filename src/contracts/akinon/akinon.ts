import type { Contract } from '../contract.js';
import { akinonErrors } from './akinon-errors.js';
import { AkinonController } from './refresh-token.controller.js';

/** The Akinon contract: both tokens in the body, and a 201. */
export const akinon: Contract = {
  name: 'akinon',
  controllers: [AkinonController],
  reads: 'application/json',
  headers: ['x-access-token'],
  errors: akinonErrors,
  document: {
    openapi: '3.0.3',
    title: 'Ratchet: Akinon contract',
    description:
      'For frontends written for Akinon: both tokens in the body, and the access token of before beside them if they like.',
    version: '1.0.0',
    base: '/api/v1',
    security: [{ bearerAuth: [] }, { accessToken: [] }],
    securitySchemes: {
      bearerAuth: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'Not needed. If it is sent, an access token of the same session, expired or not',
      },
      accessToken: {
        type: 'apiKey',
        in: 'header',
        name: 'x-access-token',
        description: 'Another way to send the same',
      },
    },
  },
};
