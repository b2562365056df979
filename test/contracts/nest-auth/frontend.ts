import { jsonFrontend, type MakeFrontend } from '../frontend.ts';

const extras = { mfaMethods: ['totp', 'email'], defaultMfaMethod: 'totp', trustToken: 'trust-me' };

const frontend: MakeFrontend = (_service, prefix) =>
  jsonFrontend(`${prefix}/auth/refresh-token`, { session: { extras: { 'nest-auth': extras } } });

export default frontend;
