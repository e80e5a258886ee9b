import * as z from 'zod';
import { containerAnswer, imageAnswer, infoAnswer, networksAnswer, versionAnswer, volumesAnswer } from './answers.ts';
import type { EngineAddress } from './context.ts';
import type { EngineApi, Inspected, NetworkList } from './engine-api.ts';
import { EngineError } from './engine-error.ts';
import { type ListRead, ListReader } from './list-reader.ts';
import { containerShape, inspectShape, networkShape, unreadableNetwork } from './lists.ts';
import type { Shape } from './shape.ts';
import { summaries } from './summaries.ts';
import { type Get, type GetOptions, type HttpAnswer, unixGet } from './transport.ts';

/** The newest and the oldest version of the API we speak: engines 28.5 and 19.03. */
const newest = [1, 51] as const;
const oldest = [1, 40] as const;

const whole: GetOptions = { time: 15_000, size: 64 << 20 };
/**
 * A list is read while it comes, and little of it is kept. Whoever writes labels makes it as long as he likes, and of many short
 * ones a daemon reads some 7 MB a second (of long ones what the engine gives, some 300): a list that goes on coming is waited for.
 */
const wholeList: GetOptions = { time: 300_000, silence: 15_000, size: 2 ** 33 };
/** The same of one container, whose labels may be as long, and of which no more is kept than an ordinary answer has. */
const longestOne = 4 << 20;
/** An inspect waits while its container starts (docker-engine facts: 30 to 400 ms); longer is as good as no answer. */
const one: GetOptions = { time: 2_500, size: 4 << 20 };
/** Of many long ones that are read at once none is done before all are. */
const wholeOne: GetOptions = { time: 60_000, silence: one.time, size: 2 ** 30 };

/**
 * A connection to the engine, which must answer now.
 *
 * @throws EngineError
 */
export async function connectEngine(address: EngineAddress, get: Get = unixGet(address.path)): Promise<EngineApi> {
  return speak(get, await apiBase(get));
}

/**
 * The engine at this address, whether it is there yet or not. It is spoken to in the version that it and we know; which
 * that is is asked before the first question and at each `version()`, so that another engine may come in its place.
 */
export function openEngine(address: EngineAddress, get: Get = unixGet(address.path)): EngineApi {
  return speak(get, undefined);
}

function speak(get: Get, base: string | undefined): EngineApi {
  let known = base;
  const list = summaries();
  const ask = async <T>(path: string, options: GetOptions, accept: (value: unknown) => Read<T>) => {
    const whole = `${(known ??= await apiBase(get))}${path}`;
    const answer = await get(whole, options);
    return read(whole, answer, parseJson(answer.body), accept);
  };
  const askList = async <T>(path: string, shape: Shape, accept: (list: ListRead) => Read<T>) => {
    const whole = `${(known ??= await apiBase(get))}${path}`;
    const reader = new ListReader(shape);
    const answer = await get(whole, { ...wholeList, onPiece: (piece) => reader.add(piece) });
    if (answer.status !== 200) return read(whole, answer, parseJson(answer.body), () => noList);
    reader.add(answer.body); // of a `get` that gives no pieces
    const list = reader.end();
    return read(whole, answer, list, () => (list === undefined ? noList : accept(list)));
  };
  const inspect = <T>(path: string, schema: z.ZodType<T>) =>
    inspected(() => ask(path, one, (value) => schema.safeParse(value)), 'unreadable');
  const askOne = async <T>(path: string, shape: Shape, schema: z.ZodType<T>) => {
    const whole = `${(known ??= await apiBase(get))}${path}`;
    const reader = new ListReader(shape, longestOne);
    reader.add(Buffer.from('['));
    const answer = await get(whole, { ...wholeOne, onPiece: (piece) => reader.add(piece) });
    if (answer.status !== 200) return read(whole, answer, parseJson(answer.body), () => noList);
    reader.add(answer.body); // of a `get` that gives no pieces
    reader.add(Buffer.from(']'));
    const [only, ...more] = reader.end()?.entries ?? [];
    return read(whole, answer, more.length === 0 ? only : undefined, (value) => schema.safeParse(value));
  };
  const container = async (id: string) => {
    const path = `/containers/${encodeURIComponent(id)}/json`;
    const answer = await inspected(() => askOne(path, inspectShape, containerAnswer), 'busy');
    // what is said of another one must not be held as this one's
    if (answer.kind === 'found' && answer.value.id !== id)
      throw new EngineError('malformed', `the engine's answer to ${path} is about another container`);
    return answer;
  };
  return {
    version: async () => {
      known = await apiBase(get);
      return ask('/version', whole, (value) => versionAnswer.safeParse(value));
    },
    containers: (ids) =>
      askList(`/containers/json?all=1${ids === undefined ? '' : `&${byIds(ids)}`}`, containerShape, (read) =>
        list(read, ids === undefined),
      ),
    container,
    networks: (ids) => askList(ids === undefined ? '/networks' : `/networks?${byIds(ids)}`, networkShape, readNetworks),
    volumes: () => ask('/volumes', whole, (value) => volumesAnswer.safeParse(value)),
    info: () => ask('/info', whole, (value) => infoAnswer.safeParse(value)),
    image: (id) => inspect(`/images/${encodeURIComponent(id)}/json`, imageAnswer),
  };
}

/**
 * Where the API of this engine begins, such as `/v1.51`: the older of our newest version and the engine's, as Docker's
 * client does (`Api-Version` of `/_ping`).
 *
 * @throws EngineError
 */
export async function apiBase(get: Get): Promise<string> {
  return `/v${negotiate(await get('/_ping', one))}`;
}

/** Whole ids: an engine takes the beginning of a container's as well, and of a network's a regular expression. */
function byIds(ids: readonly string[]): string {
  return new URLSearchParams({ filters: JSON.stringify({ id: ids }) }).toString();
}

/** The API version to speak, from the answer to `/_ping`, which is the same in every version. */
function negotiate({ status, headers }: HttpAnswer): string {
  const text = headers['api-version'];
  const [, major = '', minor = ''] = /^(\d{1,3})\.(\d{1,3})$/.exec(String(text)) ?? [];
  if (status !== 200 || major === '')
    throw new EngineError(
      'malformed',
      'what listens on the socket does not answer /_ping as a Docker Engine does',
      status,
    );
  const theirs = [Number(major), Number(minor)] as const;
  if (isOlder(theirs, oldest))
    throw new EngineError(
      'api',
      `the engine speaks API ${major}.${minor}; sluice needs ${oldest.join('.')}, Docker 19.03 or later`,
    );
  return (isOlder(theirs, newest) ? theirs : newest).join('.');
}

function isOlder(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

type Read<T> = z.ZodSafeParseResult<T>;

/** What nobody takes for a list. */
const noList = z.never('it is not a list of JSON').safeParse(undefined);

function readNetworks({ entries, tooLong, bytes }: ListRead): Read<NetworkList> {
  const listed = networksAnswer.safeParse(entries);
  const others = tooLong.map(unreadableNetwork);
  if (!listed.success) return { success: false, error: listed.error as z.ZodError<unknown> as z.ZodError<NetworkList> };
  if (others.includes(undefined)) return noList;
  return { success: true, data: { networks: [...listed.data, ...others.filter((one) => one !== undefined)], bytes } };
}

/** The answer, whose body says `value`, as `accept` reads it. @throws EngineError */
function read<T>(path: string, { status }: HttpAnswer, value: unknown, accept: (value: unknown) => Read<T>): T {
  if (status !== 200) throw new EngineError('api', `the engine refused ${path} (${status}): ${refusal(value)}`, status);
  const result = value === undefined ? undefined : accept(value);
  if (result?.success) return result.data;
  const [issue] = result?.error.issues ?? [];
  const what = issue === undefined ? 'it is not JSON' : `${issue.path.map(String).join('.')}: ${issue.message}`;
  throw new EngineError(
    'malformed',
    `the engine's answer to ${path} is not what its API promises (${printable(what)}): is it a Docker Engine?`,
  );
}

/**
 * An engine that refuses to tell of one may tell of all others: of a container whose folder is gone it says 500 (moby 28,
 * daemon/inspect.go, `RWLayer … is unexpectedly nil`).
 *
 * @param refused what such a one counts as
 */
async function inspected<T>(ask: () => Promise<T>, refused: 'busy' | 'unreadable'): Promise<Inspected<T>> {
  try {
    return { kind: 'found', value: await ask() };
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return { kind: 'gone' };
    if (error instanceof EngineError && error.kind === 'unreachable') return { kind: 'busy' };
    // whoever writes a compose file makes an inspect as long as he likes
    if (error instanceof EngineError && error.kind === 'malformed') return { kind: 'unreadable' };
    if (error instanceof EngineError && error.kind === 'api' && error.status !== undefined) return { kind: refused };
    throw error;
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function refusal(value: unknown): string {
  const message = typeof value === 'object' && value !== null && 'message' in value ? value.message : undefined;
  return typeof message === 'string' ? printable(message) : 'it does not say why';
}

/** An engine's words may hold anything a container's name or label may. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 300);
}
