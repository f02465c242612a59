// Stream torture: arena Buffers with a pattern of their owner go out through every kind of stream, which is ended
// in every way, while the arena is overwritten behind its back; every byte at the other end is compared.
//
//   node main.mjs [--endings N] [--seed N] [--line NAME] [--parallel N]
//
// Prints a report as JSON: how often each line was ended in each way, bytes compared, and what was wrong.

import { createHash } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Arena } from 'hakmem-arena';
import { selfSigned } from '../../unit/support/certificate.cjs';
import { LINES, POISON, wire } from './lines.mjs';

const { values: options } = parseArgs({
  options: {
    endings: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    line: { type: 'string' },
    parallel: { type: 'string', default: '6' },
  },
});

const TOKEN_BYTES = 16;
const SIZES = [16, 512, 4096, 65536, 262144, 1048576];
/** More than the buffers of a socket take, so that much is left in the process. */
const LARGE_BYTES = 8 << 20;
const SMALL_BYTES = 2 << 20;
/** A case that has not come to its end by then never will. */
const CASE_MS = 30_000;

const arena = new Arena({ name: 'torture' });
const report = { endings: 0, bytes: 0, foreign: 0, unclosed: 0, problems: [], lines: {} };

let state = Number(options.seed) >>> 0;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

const pick = (list) => list[random(list.length)];

// --- The churn --------------------------------------------------------------------------------------

let isChurning = true;

/** Overwrites what is free, of every size in use. */
function churn() {
  for (const size of SIZES) {
    const count = size > 65536 ? 3 : 12;
    const views = Array.from({ length: count }, () => arena.allocUnsafe(size).fill(POISON));
    for (const view of views) arena.free(view);
  }
}

function keepChurning() {
  if (!isChurning) return;
  churn();
  setTimeout(keepChurning, 2);
}

// --- The reader -------------------------------------------------------------------------------------

/** Compares what arrives with the owner's token, repeated. */
class Comparer {
  constructor(token) {
    this.block = Buffer.alloc(65536 + TOKEN_BYTES, token);
    this.at = 0;
    this.foreign = 0;
  }

  add(bytes) {
    for (let from = 0; from < bytes.length; from += 65536) {
      const part = bytes.subarray(from, from + 65536);
      const phase = (this.at + from) % TOKEN_BYTES;
      if (part.compare(this.block, phase, phase + part.length) !== 0) this.foreign++;
    }
    this.at += bytes.length;
  }
}

// --- One case ---------------------------------------------------------------------------------------

function abort(line) {
  const controller = new AbortController();
  if (line.target.isWeb || typeof line.target.pipe !== 'function') return line.target.destroy();
  addAbortSignal(controller.signal, line.target);
  controller.abort();
}

const ENDINGS = {
  end: ({ target }) => (target.isWeb ? target.close().catch(() => undefined) : target.end()),
  destroy: ({ target }) => target.destroy(),
  error: ({ target }) => target.destroy(new Error('torture')),
  abort,
  'peer resets': (line) => line.reset(),
  'session is destroyed': (line) => (line.session ?? line.target).destroy(),
  'session is closed': (line) => (line.session ? line.session.close() : line.target.destroy()),
};

const READERS = ['at once', 'late', 'never before the end'];

/** Writes some views, by a scope that lives as long as the target or each by itself. */
function writeAll({ target }, token, isScoped, reader) {
  const size = pick(SIZES);
  const bytes = reader === 'never before the end' && random(2) ? LARGE_BYTES : SMALL_BYTES;
  const count = Math.min(512, Math.ceil(bytes / size));
  const scope = isScoped ? arena.scopeUntil(target) : undefined;
  const writes = [];
  for (let i = 0; i < count; i++) {
    if (scope !== undefined) target.write(scope.alloc(size, token));
    else writes.push(arena.freeAfterWrite(target, arena.alloc(size, token)));
  }
  return { bytes: size * count, writes, scope };
}

async function play(number, name, { make, scopes }, certificate) {
  const token = createHash('sha256')
    .update(`${options.seed}.${number}`)
    .digest('hex')
    .slice(0, TOKEN_BYTES);
  const [ending, reader] = [pick(Object.keys(ENDINGS)), pick(READERS)];
  const isScoped = scopes && random(3) === 0;
  const complain = (what) => {
    report.problems.push(`${name}, ${ending}, read ${reader}, scope ${isScoped}: ${what}`);
  };
  const line = await make(certificate);
  line.target.on?.('error', () => undefined);
  const comparer = new Comparer(token);
  const isOver = new Promise((resolve) => {
    line.reader.on('data', (bytes) => comparer.add(bytes));
    line.reader.on('close', resolve).on('error', resolve);
  });
  if (reader !== 'at once') line.hold();
  const { bytes, writes, scope } = writeAll(line, token, isScoped, reader);
  await wait(random(30));
  if (reader === 'late') line.release();
  ENDINGS[ending](line);
  const all = Promise.allSettled(writes);
  await wait(random(20));
  churn();
  line.release();
  const isSettled = await comesWithin(CASE_MS, all);
  if (ending === 'end' && !(await comesWithin(CASE_MS, isOver))) complain('nobody told the reader');
  await comesWithin(200, isOver);
  line.close();
  await comesWithin(100, isOver);
  const isEnded = scope === undefined || (await comesWithin(CASE_MS, ended(scope)));
  if (!isSettled || !isEnded) {
    scope?.end();
    if (line.target.closed === false)
      report.unclosed++; // by Node
    else complain(isSettled ? 'the scope never ended' : 'writes never settled');
  }
  note(name, ending, { comparer, bytes, isComplete: ending === 'end' });
}

async function ended(scope) {
  for (;;) {
    try {
      scope.alloc(0);
    } catch {
      return;
    }
    await wait(10);
  }
}

/** Whether a promise settles in time. */
async function comesWithin(ms, promise) {
  const controller = new AbortController();
  const late = wait(ms, false, { signal: controller.signal }).catch(() => false);
  const isInTime = await Promise.race([promise.then(() => true), late]);
  controller.abort();
  return isInTime;
}

function note(name, ending, { comparer, bytes, isComplete }) {
  const row = (report.lines[name] ??= {});
  row[ending] = (row[ending] ?? 0) + 1;
  report.endings++;
  report.bytes += comparer.at;
  report.foreign += comparer.foreign;
  if (comparer.foreign > 0) report.problems.push(`${name}, ${ending}: foreign bytes`);
  if (isComplete && comparer.at !== bytes) {
    report.problems.push(`${name}, ${ending}: ${comparer.at} of ${bytes} bytes`);
  }
}

// --- All cases --------------------------------------------------------------------------------------

/** What is held is let go of soon after the last case. */
async function settle() {
  const held = () => arena.stats().bytes.pinned + arena.stats().bytes.live;
  for (let i = 0; held() > 0 && i < 500; i++) await wait(10);
  const { pinned, live } = arena.stats().bytes;
  if (pinned + live > 0) report.problems.push(`left over: ${live} bytes live, ${pinned} pinned`);
}

const certificate = selfSigned();
const names = Object.keys(LINES).filter(
  (name) => options.line === undefined || name === options.line,
);
let next = 0;

async function playNext() {
  while (next < Number(options.endings)) {
    const number = next++;
    const name = names[number % names.length];
    const line = LINES[name].rare && random(4) > 0 ? names[0] : name;
    try {
      await play(number, line, LINES[line], certificate);
    } catch (error) {
      report.problems.push(`${line}: ${error.stack}`);
    }
  }
}

process.on('unhandledRejection', (reason) => report.problems.push(`unhandled: ${reason?.stack}`));
keepChurning();
await Promise.all(Array.from({ length: Number(options.parallel) }, playNext));
await settle();
isChurning = false;
report.foreign += wire.foreign;
report.problems.splice(25);
console.log(JSON.stringify(report));
process.exit(report.foreign + report.problems.length > 0 ? 1 : 0);
