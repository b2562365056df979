import { headersOf, readTraceContext } from '../../src/tracing/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const VALID = `00-${TRACE}-${SPAN}-01`;

describe('a traceparent', () => {
  test.each([
    ['of a trace that is recorded', VALID, 1],
    ['of one that is not', `00-${TRACE}-${SPAN}-00`, 0],
    ['with the flag of a random trace id', `00-${TRACE}-${SPAN}-03`, 3],
    ['with flags that nobody knows yet', `00-${TRACE}-${SPAN}-fd`, 1],
    ['of a later version', `01-${TRACE}-${SPAN}-01`, 1],
    ['of a later version, with more', `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, 1],
  ])('%s is read', (_, traceparent, flags) => {
    expect(readTraceContext({ traceparent })).toEqual({ traceId: TRACE, spanId: SPAN, flags });
  });

  test.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['came twice', [VALID, VALID]],
    ['came twice, as Node joins them', `${VALID}, ${VALID}`],
    ['has no trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['has no span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['has a trace in upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['has a span in upper case', `00-${TRACE}-${SPAN.toUpperCase()}-01`],
    ['has flags in upper case', `00-${TRACE}-${SPAN}-0A`],
    ['has a version in upper case', `CC-${TRACE}-${SPAN}-01`],
    ['is of the version that is none', `ff-${TRACE}-${SPAN}-01`],
    ['is of version 00, with more', `${VALID}-more`],
    ['is of version 00, with a dash', `${VALID}-`],
    ['is of a later version, with more that no dash begins', `cc-${TRACE}-${SPAN}-01.more`],
    ['has a version of one digit', `0-${TRACE}-${SPAN}-01`],
    ['has a trace that is too short', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['has a span that is too long', `00-${TRACE}-${SPAN}0-01`],
    ['has no flags', `00-${TRACE}-${SPAN}`],
    ['has letters that are no digits', `00-${TRACE.replace('f', 'g')}-${SPAN}-01`],
    ['has blanks', ` ${VALID}`],
    ['has a line', `${VALID}\n`],
  ])('that %s is none', (_, traceparent) => {
    expect(readTraceContext({ traceparent, tracestate: 'a=1' })).toBeUndefined();
  });

  test('is passed on as version 00, with the flags that are known', () => {
    const later = readTraceContext({ traceparent: `cc-${TRACE}-${SPAN}-ff-more` })!;
    expect(headersOf(later)).toEqual({ traceparent: `00-${TRACE}-${SPAN}-03` });
  });
});

describe('a tracestate', () => {
  const passedOn = (tracestate: unknown): unknown => {
    const headers = { traceparent: VALID, tracestate } as Record<string, string>;
    return headersOf(readTraceContext(headers)!)['tracestate'];
  };

  test.each([
    ['as it is', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['without the blanks and gaps between its members', 'a=1, b=2,,\tc=3', 'a=1,b=2,c=3'],
    ['of several tenants', '1a-2f@foo=bar1,fw529a3039@dt=FfAD;x:y', '1a-2f@foo=bar1,fw529a3039@dt=FfAD;x:y'],
    [
      'of 512 characters',
      `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`,
      `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`,
    ],
  ])('is passed on %s', (_, tracestate, expected) => {
    expect(passedOn(tracestate)).toBe(expected);
  });

  test.each([
    ['is not there', undefined],
    ['is empty', ' , '],
    ['is longer', `a=${'x'.repeat(256)},b=${'y'.repeat(252)}`],
    ['has too many members', Array.from({ length: 33 }, (_, at) => `k${at}=1`).join()],
    ['has a member without a value', 'a=1,b'],
    ['has a key in upper case', 'A=1'],
    ['has letters that are not ASCII', 'a=é'],
    ['has a line', 'a=1\r\nx: y'],
  ])('that %s is not', (_, tracestate) => {
    expect(passedOn(tracestate)).toBeUndefined();
  });
});
