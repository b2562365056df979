/* global Deno */
import { settings } from '../settings.mjs';
import worker from './worker.mjs';

const env = Deno.env.toObject();
Deno.serve({ hostname: '127.0.0.1', port: settings(env).port }, (request) => worker.fetch(request, env));
