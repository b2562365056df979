import { randomInt } from 'node:crypto';
import { register } from '../contracts/oauth/registered.ts';
import { Pipe, requestBytes, type PipedAnswer } from '../support/pipe.ts';
import { spawnEveryContract } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { report, Tally } from './call.ts';
import { EVERY_CONTRACT } from '../contracts/every-contract.ts';
import { Dice } from './mutations.ts';
import { PLACES, type Place } from './places.ts';

/** How many connections; each carries one to six requests. */
const PIPES = Number(process.env['FUZZ_PIPES'] ?? 5_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const AT_ONCE = 16;
/** How long a connection may take to be answered and ended, in milliseconds. */
const HANG = 15_000;
const REFRESHES = PLACES.filter(({ refreshes }) => refreshes);

/** A session of a subject of its own, at one of the contracts. */
interface Tagged {
  readonly subject: string;
  readonly place: Place;
  token: string;
}

/** A request as it was put into a pipe. */
interface Piped {
  readonly id: string;
  readonly bytes: string;
  /** Whose it is, if it may be answered with tokens. */
  readonly owner?: Tagged;
  /** Whether it, or one before it, is such that where it ends may be read otherwise than it was meant. */
  readonly isUnclear?: boolean;
}

describe(`a proxy that shares connections among users, some of them odd (seed ${SEED})`, () => {
  const { service } = useService({ CONTRACTS: EVERY_CONTRACT }, { by: spawnEveryContract });
  let clientId: string;
  /** Those of each worker, so that it knows which of their tokens is the newest. */
  let sessions: Tagged[][];

  beforeAll(async () => {
    console.log(`FUZZ_SEED=${SEED} FUZZ_PIPES=${PIPES}`);
    clientId = (await register(service, { authMethod: 'none' })).id;
    const open = async (place: Place, worker: number): Promise<Tagged> => {
      const subject = `${place.contract}-${worker}`;
      const bound = place.isForm ? { clientId } : {};
      return { subject, place, token: (await service.open({ subject, ...bound })).refreshToken };
    };
    sessions = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, worker) =>
        Promise.all(REFRESHES.map((place) => open(place, worker))),
      ),
    );
  });

  test('gives each user the answer to their own request, or none', async () => {
    const came = new Tally();
    let left = PIPES;
    const work = async (own: readonly Tagged[], worker: number): Promise<void> => {
      const dice = new Dice(SEED + worker);
      while (left-- > 0) await onePipe(own, dice, came);
    };
    await Promise.all(sessions.map(work));
    report('pipelines', PIPES, came.toString());
    expect(came.of('tokens, to their owner')).toBeGreaterThan(PIPES / 2);
  });

  async function onePipe(own: readonly Tagged[], dice: Dice, came: Tally): Promise<void> {
    const requests = [...Array(1 + dice.below(5)).keys()].map(() => requestOf(own, dice));
    // The last one has the connection ended, whatever became of those before it.
    requests.push({ id: newId(dice), bytes: requestBytes('GET', '/health/live', { connection: 'close' }) });
    const unclearFrom = requests.findIndex(({ isUnclear }) => isUnclear);
    const tagged = requests.map((request, place) => ({
      ...request,
      bytes: withId(request),
      isUnclear: unclearFrom >= 0 && place >= unclearFrom,
    }));
    const pipe = await Pipe.to(service.url);
    const later = dice.below(tagged.length);
    pipe.write(...tagged.slice(0, later).map(({ bytes }) => bytes));
    if (later > 0 && dice.oneIn(2)) await Promise.race([pipe.until(1), after(20)]);
    pipe.write(...tagged.slice(later).map(({ bytes }) => bytes));
    const hung = await Promise.race([pipe.ended, after(HANG, 'hung')]);
    pipe.close();
    let next = 0;
    const wrong =
      hung ??
      pipe.answers
        .map((answer) => {
          next = placeOf(answer, tagged, next) + 1;
          return judge(answer, tagged[next - 1], came);
        })
        .find(Boolean);
    if (wrong) throw new Error(`${wrong}\n${JSON.stringify({ tagged, answers: pipe.answers }, null, 1)}`);
    came.add(pipe.answers.length < tagged.length ? 'cut short' : 'answered to the end');
  }

  /** What is wrong with an answer in the place of that to `request`, if anything is. */
  function judge(answer: PipedAnswer, request: Piped | undefined, came: Tally): string | undefined {
    const { status, headers, text } = answer;
    if (!request) return 'an answer to no request';
    if (status >= 500) return 'an error of ours';
    const set = headers['set-cookie'] ?? '';
    const isOwn = headers['x-request-id'] === request.id;
    // What could not be read has no id; then nothing may come after it.
    if (!isOwn && !(request.isUnclear && status >= 400 && headers['connection'] === 'close'))
      return 'the answer to another request';
    const [access] = /eyJ[\w-]+\.([\w-]+)\./.exec(text) ?? [];
    const [successor] = /rt1_[\w.-]+/.exec(set + text) ?? [];
    if (access === undefined && successor === undefined) return undefined;
    if (!isOwn || !request.owner) return 'tokens for whoever showed none';
    const { sub } = JSON.parse(Buffer.from(access!.split('.')[1]!, 'base64url').toString()) as {
      sub: string;
    };
    if (sub !== request.owner.subject) return `the tokens of ${sub} for ${request.owner.subject}`;
    if (successor !== undefined) request.owner.token = successor;
    came.add('tokens, to their owner');
    return undefined;
  }

  function requestOf(own: readonly Tagged[], dice: Dice): Piped {
    const id = newId(dice);
    const owner = dice.of(own);
    const genuine = !dice.oneIn(3);
    const { path, method, isForm } = owner.place;
    const token = genuine ? owner.token : 'malformed';
    const body = isForm
      ? new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: clientId,
          refresh_token: token,
        }).toString()
      : JSON.stringify({ refreshToken: token });
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const inCookie = owner.place.contract === 'watchr';
    const headers = inCookie ? { cookie: `refresh_token=${token}` } : { 'content-type': type };
    const usual: Shape = { method, path, headers, body: inCookie ? '' : body };
    const isUnclear = dice.oneIn(2);
    const bytes = isUnclear ? dice.of(ODD)(usual, dice) : bytesOf(usual);
    return { id, bytes, isUnclear, ...(genuine && { owner }) };
  }
});

interface Shape {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const bytesOf = ({ method, path, headers, body }: Shape, more: Record<string, string> = {}): string =>
  requestBytes(method, path, { ...headers, ...more }, body);
const chunked = (body: string, length = Buffer.byteLength(body), trailer = ''): string =>
  `${length.toString(16)}\r\n${body}\r\n0\r\n${trailer}\r\n`;
const CHUNKED = { 'transfer-encoding': 'chunked' };
const UPGRADE = { connection: 'Upgrade', upgrade: 'h2c' };

/** Requests that are read in odd ways. No wrong length is so wrong that the last request of a pipe is swallowed whole. */
const ODD: readonly ((usual: Shape, dice: Dice) => string)[] = [
  (usual) => bytesOf(usual, UPGRADE),
  (usual) => bytesOf(usual, { ...UPGRADE, upgrade: 'websocket', 'sec-websocket-version': '13' }),
  (usual) => bytesOf(usual, { upgrade: 'h2c' }),
  (usual) => bytesOf(usual, { connection: 'Upgrade' }),
  (usual) =>
    bytesOf(usual, {
      ...Object.fromEntries([...Array(1_100).keys()].map((at) => [`x${at}`, ''])),
      ...UPGRADE,
    }),
  () => requestBytes('GET', '/none', UPGRADE),
  () => requestBytes('POST', '/auth/%E0%A4%A', UPGRADE),
  (usual) => bytesOf(usual, { expect: '100-continue' }),
  (usual) => bytesOf(usual, { expect: 'nonsense' }),
  (usual) => bytesOf(usual, { expect: 'nonsense', ...UPGRADE }),
  (usual, dice) =>
    bytesOf(usual, { 'content-length': String(Math.max(0, usual.body.length + dice.below(41) - 20)) }),
  (usual) =>
    requestBytes(usual.method, usual.path, { ...usual.headers, ...CHUNKED }) + chunked(usual.body || ' '),
  (usual, dice) =>
    requestBytes(usual.method, usual.path, { ...usual.headers, ...CHUNKED }) +
    chunked(usual.body || ' ', usual.body.length + dice.below(20)),
  (usual) =>
    requestBytes(usual.method, usual.path, { ...usual.headers, ...CHUNKED }) +
    chunked(usual.body || ' ', undefined, 'upgrade: h2c\r\nconnection: upgrade\r\n'),
  (usual) => bytesOf(usual, { 'content-length': '3', 'transfer-encoding': 'chunked' }),
  (usual) => bytesOf(usual).replace('HTTP/1.1', 'HTTP/1.0'),
  (usual) => bytesOf(usual, { connection: 'keep-alive' }).replace('HTTP/1.1', 'HTTP/1.0'),
  (usual) => bytesOf(usual).replace('HTTP/1.1', 'HTTP/2.0'),
  (usual) => bytesOf(usual, { connection: 'close' }),
  (usual) => bytesOf(usual).replace('host: localhost\r\n', ''),
  (usual) => `${bytesOf(usual)}\r\n\r\n`,
  (usual) => `${bytesOf(usual)}garbage\r\n\r\n`,
  (usual) => bytesOf(usual).replace('\r\n', '\r\n folded: x\r\n'),
  (usual) => bytesOf({ ...usual, path: `${usual.path}#x` }),
  (usual) => bytesOf({ ...usual, method: 'CONNECT' }),
  (usual) => bytesOf({ ...usual, method: 'OPTIONS' }),
  (usual) => bytesOf({ ...usual, body: 'x'.repeat(17_000) }),
  () => 'garbage\r\n\r\n',
];

/**
 * Which request an answer is to, from `next` on. Whole ones may have been taken for the body of the one before, whose length
 * was wrong by just as much: these are not answered.
 */
function placeOf({ headers }: PipedAnswer, requests: readonly Piped[], next: number): number {
  const named = requests.findIndex(({ id }, place) => place > next && id === headers['x-request-id']);
  const swallowed = named < 0 ? [] : requests.slice(next, named);
  return swallowed.length > 0 && requests[next - 1]?.isUnclear ? named : next;
}

let made = 0;
const newId = (dice: Dice): string => `pipe-${++made}-${dice.below(1_000)}`;

/** The request with its id in it, after its first line. */
function withId({ id, bytes }: Piped): string {
  return bytes.replace(/^(\S+ \S+ HTTP\/\S+\r\n)/, `$1x-request-id: ${id}\r\n`);
}

function after(milliseconds: number, value?: string): Promise<string | undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(value), milliseconds).unref());
}
