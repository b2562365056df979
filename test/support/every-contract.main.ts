import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config/environment.ts';
import { contracts } from '../contracts/every-contract.ts';

// The service in a process of its own, with the contracts that stand only among the tests, too.
const config = readConfig(process.env, contracts);
const { nest } = await createApp(config, contracts);
process.once('SIGTERM', () => void nest.close().then(() => process.exit(0)));
await nest.listen(config.port, config.host);
