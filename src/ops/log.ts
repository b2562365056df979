import { setTimeout } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Config, LogLevel } from '../config/config.js';
import { workerId } from '../workers/ask-primary.js';

/** Where nobody reads the log any more, lines beyond so many bytes are dropped rather than kept in memory. */
const MOST_UNWRITTEN = 16 * 1024 * 1024;
/** How long the last lines have to be written, in milliseconds: whoever reads them may have stopped. */
const END_WITHIN = 1_000;

/** The log, which must be ended before the process is: else that would wait for who does not read. */
export type Log = Logger & {
  /** Writes what is left, if anybody reads it. Nothing may be logged after it. */
  end(): Promise<void>;
};

/** The log on standard output: JSON lines, or for people in a terminal. */
export function openLog({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Log {
  const isForPeople = logFormat === 'pretty' || (logFormat === 'auto' && isatty(1));
  // Lines that come while one is being written are written together.
  const output = pino.destination({ sync: isForPeople, maxLength: MOST_UNWRITTEN, maxWrite: 4_096 });
  const toText = isForPeople ? prettyFactory(FOR_PEOPLE) : String;
  const logger = pino(
    {
      level: logLevel,
      base: workerId === undefined ? null : { worker: workerId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Not `output` itself: pino would have a fatal line written before all else goes on, for ever if nobody reads.
    { write: (line: string) => void output.write(toText(line)) },
  );
  return Object.assign(logger, { end: () => end(output) });
}

const FOR_PEOPLE = { colorize: isatty(1), singleLine: true, translateTime: 'SYS:HH:MM:ss' } as const;

async function end(output: ReturnType<typeof pino.destination>): Promise<void> {
  const written = new Promise<void>((resolve) => output.once('close', resolve));
  output.end();
  await Promise.race([written, setTimeout(END_WITHIN)]);
  output.destroy();
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
