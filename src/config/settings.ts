import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatDuration, parseDuration } from './duration.js';
import { misspeltName } from './likely-name.js';

/** The settings that hold secrets: each may also be the text of a file, which the setting's name and `_FILE` names. */
const SECRETS = [
  'DATABASE_URL',
  'REFRESH_TOKEN_KEYS',
  'SERVICE_KEYS',
  'ACCESS_TOKEN_PRIVATE_KEY',
  'ACCESS_TOKEN_SECRET',
  'LEGACY_BETTER_AUTH_SECRETS',
  'LEGACY_HYDRA_SECRETS',
  'LEGACY_JWT_KEYS',
  'LEGACY_ISSUER_CLIENT_SECRET',
];

/** What a setting is if it is not set, and what it may be, as far as the code that reads it says; for people to read. */
export interface SettingRead {
  readonly otherwise?: string;
  /** A range, or the words to choose from. */
  readonly values?: string | readonly string[];
}

/** Reads settings from an environment and keeps every mistake, so that they are reported together. */
export class Settings {
  readonly mistakes: string[] = [];
  private readonly secrets = new Map<string, string>();
  private readonly asked = new Map<string, SettingRead>();

  constructor(private readonly environment: Readonly<Record<string, string | undefined>>) {
    for (const name of SECRETS) this.readFile(name);
  }

  /** The setting's text without surrounding blanks; undefined if it is absent or empty. */
  text(name: string, read: SettingRead = {}): string | undefined {
    this.asked.set(name, { ...this.asked.get(name), ...read });
    return this.secrets.get(name) ?? (this.environment[name]?.trim() || undefined);
  }

  /** A duration in milliseconds. */
  duration(name: string, otherwise: string, least: string, most: string): number {
    const text = this.text(name, { otherwise, values: `${least} to ${most}` }) ?? otherwise;
    const value = parseDuration(text);
    if (value === undefined) {
      return this.mistake(name, `"${text}" is not a duration; write it as ${otherwise}, 30s, 15m or 14d`, 0);
    }
    const [min, max] = [parseDuration(least)!, parseDuration(most)!];
    if (value < min || value > max) {
      return this.mistake(name, `${formatDuration(value)} is outside ${least} to ${most}`, value);
    }
    return value;
  }

  /** A duration in whole seconds. */
  seconds(name: string, otherwise: string, least: string, most: string): number {
    const seconds = this.duration(name, otherwise, least, most) / 1000;
    return Number.isInteger(seconds) || this.faults(name)
      ? seconds
      : this.mistake(name, 'must be whole seconds', 0);
  }

  /** A whole number. */
  integer(name: string, otherwise: number, least: number, most: number): number {
    const read = { otherwise: String(otherwise), values: `${least} to ${most}` };
    const text = this.text(name, read) ?? String(otherwise);
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    return this.mistake(name, `"${text}" is not a whole number from ${least} to ${most}`, otherwise);
  }

  /** One of a few words, in any case. */
  choice<T extends string>(name: string, otherwise: T, words: readonly T[]): T {
    const text = this.text(name, { otherwise, values: words.filter(Boolean) }) ?? otherwise;
    const word = words.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    return (
      word ?? this.mistake(name, `"${text}" is not one of ${words.filter(Boolean).join(', ')}`, otherwise)
    );
  }

  /**
   * A comma-separated list; `read` gives the value of an item, of which it is told the place from 1 on, or the sentence
   * that says what is wrong with it.
   */
  list<T>(name: string, read: (item: string, place: number) => { value: T } | { mistake: string }): T[] {
    const items = (this.text(name) ?? '').split(',').map((item) => item.trim());
    return items.filter(Boolean).flatMap((item, index) => {
      const result = read(item, index + 1);
      if ('value' in result) return [result.value];
      return this.mistake(name, result.mistake, []);
    });
  }

  /** Whether a mistake was found in a setting. */
  faults(name: string): boolean {
    return this.mistakes.some((mistake) => mistake.startsWith(`${name}: `));
  }

  /** Keeps a mistake and gives `otherwise`, so that reading can go on. */
  mistake<T>(name: string, sentence: string, otherwise: T): T {
    this.mistakes.push(`${name}: ${sentence}`);
    return otherwise;
  }

  /** The settings that were asked for, by name. */
  get read(): ReadonlyMap<string, SettingRead> {
    return this.asked;
  }

  /** A line for each variable that nobody has asked for and that is a setting's name but for a letter or two. */
  misspelt(): string[] {
    const names = [...this.asked.keys()];
    return Object.keys(this.environment).flatMap((given) => {
      // OpenTelemetry has many more than are asked for, with names that are much alike.
      const known = this.asked.has(given) || given.startsWith('OTEL_');
      const meant = known ? undefined : misspeltName(given, names);
      return meant === undefined ? [] : [`${given} is no setting; did you mean ${meant}?`];
    });
  }

  private readFile(name: string): void {
    const file = this.text(`${name}_FILE`);
    if (file === undefined) return;
    if (this.text(name) !== undefined) {
      this.mistake(name, `and ${name}_FILE are both set; leave one of them out`, undefined);
      return;
    }
    try {
      const text = readFileSync(file, 'utf8').trim();
      if (text) this.secrets.set(name, text);
      else this.mistake(name, `${resolve(file)}, which ${name}_FILE names, is empty`, undefined);
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      this.mistake(name, `${resolve(file)}, which ${name}_FILE names, cannot be read (${code})`, undefined);
    }
  }
}
