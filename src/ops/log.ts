import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import type { LogLevel } from '../config/config.js';
import { workerId } from '../workers/ask-primary.js';

/** Where nobody reads the log any more, lines beyond so many bytes are dropped rather than kept in memory. */
const MOST_UNWRITTEN = 16 * 1024 * 1024;

/**
 * The log: JSON lines on standard output.
 *
 * @param how.sync whether a line is written before the process goes on
 */
export function openLog(level: LogLevel, { sync = false } = {}): Logger {
  return pino(
    {
      level,
      base: workerId === undefined ? null : { worker: workerId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Lines that come while one is being written are written together; what is left is written at exit.
    pino.destination({ sync, maxLength: MOST_UNWRITTEN, maxWrite: 4_096 }),
  );
}

/** Parts of Nest that tell at start what they have wired. */
const WIRING = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Lets Nest write into the same log. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.write(WIRING.has(context ?? '') ? 'debug' : 'info', message, context);
  }

  debug(message: unknown, context?: string): void {
    this.write('debug', message, context);
  }

  verbose(message: unknown, context?: string): void {
    this.write('trace', message, context);
  }

  warn(message: unknown, context?: string): void {
    this.write('warn', message, context);
  }

  error(message: unknown, stackOrContext?: string, context?: string): void {
    const error = context === undefined ? undefined : stackOrContext;
    this.write('error', message, context ?? stackOrContext, error);
  }

  fatal(message: unknown, context?: string): void {
    this.write('fatal', message, context);
  }

  private write(
    level: Exclude<LogLevel, 'silent'>,
    message: unknown,
    context?: string,
    error?: string,
  ): void {
    const fields = typeof message === 'object' && message !== null ? message : { msg: String(message) };
    this.logger[level]({ ...fields, ...(context && { context }), ...(error && { error }) });
  }
}
