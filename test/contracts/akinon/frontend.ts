import { jsonFrontend, type MakeFrontend } from '../frontend.ts';

const frontend: MakeFrontend = (_service, prefix) => jsonFrontend(`${prefix}/api/v1/auth/refresh-token`);

export default frontend;
