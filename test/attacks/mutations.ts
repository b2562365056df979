/** Numbers that look random and can be had again: mulberry32. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, and not including, `below`. */
  below(below: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Whether one of `times` falls. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  text(length: number, alphabet: string): string {
    return Array.from({ length }, () => alphabet[this.below(alphabet.length)]).join('');
  }
}

export const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const ODD = [
  '\0',
  '\n',
  ' ',
  '=',
  '+',
  '/',
  '%',
  '.',
  ';',
  ',',
  '"',
  '\\',
  'é',
  '𐀀',
  '\ud800',
  '\u212a',
  '\ufeff',
];

type Mutation = (text: string, dice: Dice, others: readonly string[]) => string;

const MUTATIONS: readonly Mutation[] = [
  (text, dice) => splice(text, dice.below(text.length || 1), 1, dice.text(1, BASE64URL)),
  (text, dice) => splice(text, dice.below(text.length + 1), 0, dice.of(ODD)),
  (text, dice) => splice(text, dice.below(text.length || 1), 1, dice.of(ODD)),
  (text, dice) => splice(text, dice.below(text.length || 1), 1 + dice.below(4), ''),
  (text, dice) => text.slice(0, dice.below(text.length + 1)),
  (text, dice) => text.slice(dice.below(text.length + 1)),
  // The head of one and the tail of another.
  (text, dice, others) => text.slice(0, dice.below(text.length + 1)) + dice.of(others).slice(dice.below(82)),
  (text, dice, others) => `${text.split('.')[0]}.${dice.of(others).split('.').at(-1)}`,
  (text, dice) => {
    const place = dice.below(text.length || 1);
    const letter = text[place] ?? '';
    return splice(
      text,
      place,
      1,
      letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
    );
  },
  (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
  (text) => `${text}=`,
  (text) => ` ${text}`,
  (text) => `${text}\n`,
  (text, dice) => text.repeat(1 + dice.below(3)) + dice.of(ODD),
  (text) => text.replace('rt1_', 'rt2_'),
  (text) => text.replace('.', '..'),
  (text) => text.split('').reverse().join(''),
  (_text, dice) => `rt1_${dice.text(34, BASE64URL)}.${dice.text(43, BASE64URL)}`,
  (_text, dice) => dice.text(dice.below(200), BASE64URL + '."\\{}[]:,%&=; '),
  // Another key's number, generation or deadline under the old MAC.
  (text, dice) => {
    const payload = Buffer.from(text.slice(4, 38), 'base64url');
    if (payload.length === 0) return text;
    payload[dice.of([0, 17, 18, 19, 20, 21, 22, 23, 24]) % payload.length] = dice.below(256);
    return `rt1_${payload.toString('base64url')}${text.slice(38)}`;
  },
];

/** `text` with one to three things changed; now and then the change undoes itself. */
export function mutant(text: string, dice: Dice, others: readonly string[]): string {
  let changed = text;
  for (let times = 1 + dice.below(3); times > 0; times--) changed = dice.of(MUTATIONS)(changed, dice, others);
  return changed;
}

function splice(text: string, place: number, remove: number, put: string): string {
  return text.slice(0, place) + put + text.slice(place + remove);
}
