/**
 * Remote: asks a monitor for its statistics. The answer is not trusted: it may never end, be of any size, and
 * hold anything where a number should be. Texts stay as they came; the caller escapes them when it prints.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LengthsReply, StatsReply } from '../monitor';
import { ownOptions, ownProperty } from '../base/own-options';
import { UsageError } from './usage';

const PATIENCE_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** A monitor that has no time says when to ask again; it is asked so many times. */
const TRIES = 5;
const RETRY_SECONDS_MAX = 10;

/** Where the monitor at `text` has one of its documents. */
export function monitorUrl(text: string, document: 'stats.json' | 'lengths.json'): URL {
  if (!URL.canParse(text)) throw new UsageError(`--url is not a URL: ${text}`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UsageError(`--url is not one of http or https: ${text}`);
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new URL(document, url);
}

/** A connection of its own for each answer. Node's sockets look for `fd` wherever they find it. */
const CONNECTION = ownOptions({ agent: false as const, fd: undefined });

interface Reply {
  readonly status: number;
  readonly retrySeconds: number;
  readonly body: string;
}

async function replyOf(response: http.IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  const wait = Number(ownProperty(response.headers, 'retry-after'));
  const retrySeconds = Math.min(RETRY_SECONDS_MAX, Math.max(1, Number.isFinite(wait) ? wait : 1));
  return { status: response.statusCode ?? 0, retrySeconds, body: Buffer.concat(chunks).toString() };
}

function get(url: URL): Promise<Reply> {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, CONNECTION, (response) => {
      replyOf(response).then(resolve, reject);
    });
    const timer = setTimeout(() => sent.destroy(new Error('it takes too long')), PATIENCE_MS);
    sent.on('close', () => clearTimeout(timer)).on('error', reject);
    sent.end();
  });
}

/** A part of the answer, and where it stands there. */
interface Part {
  readonly path: string;
  readonly value: unknown;
}

function part({ path, value }: Part, name: string): Part {
  const isObject = typeof value === 'object' && value !== null;
  return { path: `${path}.${name}`, value: isObject ? ownProperty(value, name) : undefined };
}

function expectText({ path, value }: Part): void {
  if (typeof value !== 'string') throw new Error(`${path} is no text`);
}

/** JSON can say 1e999, and 1e300, which is no number of anything and has 300 digits. */
function expectNumber({ path, value }: Part): void {
  if (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return;
  throw new Error(`${path} is no number`);
}

function expectList(at: Part, check: (one: Part) => void): void {
  if (!Array.isArray(at.value)) throw new Error(`${at.path} is no list`);
  at.value.forEach((value: unknown, i) => check({ path: `${at.path}[${i}]`, value }));
}

const ROW_NUMBERS = [
  'allocs',
  'fast',
  'slow',
  'live',
  'liveBytes',
  'blockBytes',
  'slabs',
  'capacity',
];
const STAGES = ['current', 'partial', 'empty', 'slot', 'cached', 'os'];

function expectRow(row: Part): void {
  expectText(part(row, 'name'));
  for (const name of ROW_NUMBERS) expectNumber(part(row, name));
  for (const name of STAGES) expectNumber(part(part(row, 'stages'), name));
}

function expectArena(arena: Part): void {
  expectNumber(part(arena, 'id'));
  expectText(part(arena, 'name'));
  expectNumber(part(part(arena, 'bytes'), 'live'));
  expectNumber(part(part(arena, 'bytes'), 'used'));
  expectNumber(part(part(arena, 'bytes'), 'committed'));
  expectList(part(arena, 'classes'), expectRow);
}

/** Everything of a StatsReply that is shown. */
function expectStats(reply: Part): asserts reply is Part & { value: StatsReply } {
  expectNumber(part(reply, 'at'));
  expectText(part(reply, 'title'));
  const info = part(reply, 'process');
  expectNumber(part(info, 'pid'));
  expectText(part(info, 'node'));
  expectNumber(part(info, 'rssBytes'));
  const stats = part(reply, 'stats');
  expectList(part(stats, 'arenas'), expectArena);
  const totals = part(stats, 'totals');
  expectNumber(part(part(totals, 'bytes'), 'mapped'));
  expectList(part(totals, 'classes'), expectRow);
}

function expectLength(length: Part): void {
  for (const name of ['from', 'to', 'allocs', 'live']) {
    expectNumber(part(length, name));
    if ((part(length, name).value as number) < 0) throw new Error(`${length.path} is below zero`);
  }
}

function expectLengths(reply: Part): asserts reply is Part & { value: LengthsReply } {
  expectList(part(reply, 'arenas'), (arena) => {
    expectNumber(part(arena, 'id'));
    expectText(part(arena, 'name'));
    expectList(part(arena, 'sizeClasses'), expectNumber);
    expectList(part(arena, 'lengths'), expectLength);
  });
}

type Expect<T> = (reply: Part) => asserts reply is Part & { value: T };

function parse<T>(where: string, body: string, expect: Expect<T>): T {
  try {
    const reply: Part = { path: 'reply', value: JSON.parse(body) as unknown };
    expect(reply);
    return reply.value;
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
    throw new Error(`${where} answered with something else than statistics: ${reason}`, {
      cause: error,
    });
  }
}

/** The lengths that a file holds, which was saved from a monitor's `lengths.json`. */
export function lengthsIn(file: string, text: string): LengthsReply {
  return parse(file, text, expectLengths);
}

/** The lengths at `url`. */
export async function askLengths(url: URL): Promise<LengthsReply> {
  return parse(url.href, await bodyOf(url), expectLengths);
}

/** The statistics at `url`. */
export async function ask(url: URL): Promise<StatsReply> {
  return parse(url.href, await bodyOf(url), expectStats);
}

const ADVICE = 'a service answers that runs `createMonitor().listen()`, and --url says where';

async function bodyOf(url: URL): Promise<string> {
  for (let tries = 1; ; tries++) {
    const reply = await get(url).catch((error: unknown) => {
      throw new Error(`no answer from ${url.href}; ${ADVICE}`, { cause: error });
    });
    if (reply.status === 200) return reply.body;
    if (reply.status !== 503 || tries === TRIES) {
      throw new Error(`${url.href} answered ${reply.status}`);
    }
    await sleep(reply.retrySeconds * 1000);
  }
}
