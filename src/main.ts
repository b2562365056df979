import cluster from 'node:cluster';
import { readWorkers } from './config/environment.js';
import { openLog } from './ops/log.js';

const { workers, ...settings } = readWorkers(process.env);
if (workers > 1 && cluster.isPrimary) {
  const { runPrimary } = await import('./workers/primary.js');
  runPrimary(workers, openLog(settings));
} else {
  // Not imported above, since a primary has no use for it.
  const { serve } = await import('./serve.js');
  await serve();
}
