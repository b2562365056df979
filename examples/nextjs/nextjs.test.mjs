import { fileURLToPath } from 'node:url';
import { testRenderingApp } from '../rendering-app.mjs';

process.env.NEXT_TELEMETRY_DISABLED = '1';

testRenderingApp('a Next.js app that renders on the server', {
  folder: fileURLToPath(new URL('.', import.meta.url)),
  build: [['run', 'build']],
  start: (port) => ['node_modules/next/dist/bin/next', 'start', '-p', String(port)],
  env: () => ({ NEXT_TELEMETRY_DISABLED: '1' }),
  ready: 'Ready',
});
