import { jsonFrontend, type MakeFrontend } from '../frontend.ts';

const frontend: MakeFrontend = (_service, prefix) =>
  jsonFrontend(`${prefix}/v1/auth/refresh`, { touches: true });

export default frontend;
