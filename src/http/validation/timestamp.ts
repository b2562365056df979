import { ValidateBy } from 'class-validator';

/** RFC 3339 section 5.6; its date is looked at apart, since JavaScript takes the 30th of February for the 2nd of March. */
const DATE_TIME =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
/** What JavaScript, PostgreSQL and a NumericDate (RFC 7519 section 2) all write in the usual way. */
const [EARLIEST, LATEST] = [Date.UTC(1970), Date.UTC(9999, 11, 31)];

/** The time that `text` is, as RFC 3339 has it: with an offset, from 1970 to 9999. Undefined if it is none. */
export function readTimestamp(text: unknown): Date | undefined {
  const date = typeof text === 'string' ? DATE_TIME.exec(text)?.[1] : undefined;
  if (date === undefined || !isDate(date)) return undefined;
  const time = new Date(text as string);
  return time.getTime() >= EARLIEST && time.getTime() <= LATEST ? time : undefined;
}

/** Validates a text that readTimestamp reads. */
export function IsTimestamp(): PropertyDecorator {
  return ValidateBy({
    name: 'isTimestamp',
    validator: {
      validate: (text: unknown) => readTimestamp(text) !== undefined,
      defaultMessage: () => '$property must be a time as in RFC 3339, such as 2026-01-31T09:30:00Z',
    },
  });
}

function isDate(text: string): boolean {
  const midnight = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(text);
}
