import { jsonFrontend, type MakeFrontend } from '../frontend.ts';

const frontend: MakeFrontend = (_service, prefix) => jsonFrontend(`${prefix}/auth/refresh`);

export default frontend;
