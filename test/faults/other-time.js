/**
 * Loaded into a replica before it starts: its clock is CLOCK_AHEAD milliseconds ahead, and what it does once a minute
 * it does TIME_LAPSE times a minute, as if the minutes passed that much faster.
 */
const ahead = Number(process.env.CLOCK_AHEAD ?? 0);
const lapse = Number(process.env.TIME_LAPSE ?? 1);
const { setInterval } = globalThis;

globalThis.Date = new Proxy(Date, {
  construct: (date, values, asked) =>
    Reflect.construct(date, values.length > 0 ? values : [date.now() + ahead], asked),
  get: (date, name) => (name === 'now' ? () => date.now() + ahead : Reflect.get(date, name)),
});

globalThis.setInterval = (work, milliseconds, ...values) =>
  setInterval(work, milliseconds === 60_000 ? milliseconds / lapse : milliseconds, ...values);
