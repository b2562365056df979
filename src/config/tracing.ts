import type { Settings } from './settings.js';
import { parseUrl } from './text.js';

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
/** As OpenTelemetry's SDK has them. */
const SAMPLERS = [
  ...['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'],
  ...['always_on', 'always_off', 'traceidratio'],
];

/**
 * Whether traces are recorded and exported. How, OpenTelemetry's SDK reads of the environment by itself: here it is only said
 * what it would pass over in silence.
 */
export function readTracing(settings: Settings): boolean {
  const endpoints = ENDPOINTS.filter((name) => settings.text(name) !== undefined);
  for (const name of endpoints)
    if (!/^https?:$/.test(parseUrl(settings.text(name)!)?.protocol ?? ''))
      settings.mistake(name, 'is not an http(s) URL, such as http://localhost:4318', undefined);
  const sampler = settings.text('OTEL_TRACES_SAMPLER', { otherwise: SAMPLERS[0]!, values: SAMPLERS });
  if (sampler !== undefined && !SAMPLERS.includes(sampler))
    settings.mistake('OTEL_TRACES_SAMPLER', `"${sampler}" is not one of ${SAMPLERS.join(', ')}`, undefined);
  const ratio = settings.text('OTEL_TRACES_SAMPLER_ARG', { otherwise: '1', values: '0 to 1' });
  if (ratio !== undefined && !(Number(ratio) >= 0 && Number(ratio) <= 1))
    settings.mistake('OTEL_TRACES_SAMPLER_ARG', `"${ratio}" is not a number from 0 to 1`, undefined);
  settings.text('OTEL_EXPORTER_OTLP_HEADERS');
  settings.text('OTEL_SERVICE_NAME', { otherwise: 'ratchet' });
  settings.text('OTEL_RESOURCE_ATTRIBUTES');
  const disabled = settings.choice('OTEL_SDK_DISABLED', 'false', ['true', 'false']) === 'true';
  return endpoints.length > 0 && !disabled;
}
