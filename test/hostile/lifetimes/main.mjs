// State machine of lifetimes: random calls on several arenas and workers at once, with a shadow that knows who
// may see which byte. After every few calls all that is held is compared.
//
//   node --expose-gc main.mjs [--seed N] [--steps N | --seconds N] [--overflow]
//
// What may come: alloc, free, retain, release, scopes, realloc, reset, destroy, trim, a transfer, a clone, a
// worker that gives memory away and ends, a subscriber that acts; with --overflow, a stack
// that is full in the middle of a call.
// No call may throw an error without a code. Prints a report as JSON.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Arena, heapStats } from 'hakmem-arena';
import { Shadow } from './shadow.mjs';

const { values: given } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '20000' },
    seconds: { type: 'string' },
    overflow: { type: 'boolean', default: false },
  },
});

const KINDS = [
  {},
  { guard: { sampleRate: 1 } },
  { guard: { sampleRate: 3 }, leaks: 'all' },
  { zero: 'free' },
  { zero: 'free', policy: 'keep' },
  { views: 'fresh' },
  { maxBytes: 3 << 20 },
  { leaks: 'all', reclaim: 'gc' },
];
/** A giver must have room for all that it gives. */
const GIVER_KINDS = KINDS.filter(({ maxBytes }) => maxBytes === undefined);
const SIZES = [1, 8, 24, 100, 700, 1500, 4096, 9000, 30000, 65536, 70000, 300000, 3 << 20];
const ARENAS_MAX = 6;
const VIEWS_MAX = 400;
const GIVEN_MAX = 24;
const CHECK_EVERY = 16;
const CHANNELS = ['detached', 'guard', 'limit', 'leak', 'superslab', 'clone'].map(
  (it) => `hakmem-arena:${it}`,
);

const shadow = new Shadow();
const report = { steps: 0, calls: {}, problems: [] };
const arenas = [];
let named = 0;
let state = Number(given.seed) >>> 0;

function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

const pick = (list) => list[random(list.length)];
const complain = (what) => {
  if (report.problems.length < 25) report.problems.push(`step ${report.steps}: ${what}`);
};

// --- Calls that may fail --------------------------------------------------------------------------------

/** Whether an error says that the stack was full; then the call may have done all, some or nothing. */
const isOverflow = (error) => error instanceof RangeError && error.code === undefined;

/** Whether the next call is made with hardly any stack left. */
let isDeep = false;

/** Makes a call; tells what it returned, why it was refused, or that the stack was full. */
function attempt(name, call) {
  report.calls[name] = (report.calls[name] ?? 0) + 1;
  const wasDeep = isDeep;
  try {
    return { value: wasDeep ? callDeeply(call) : call() };
  } catch (error) {
    if (isOverflow(error) && wasDeep) return { overflowed: true };
    if (typeof error.code !== 'string') complain(`${name}: ${error.stack}`);
    return { error };
  }
}

/** The same for a call that the next one resumes where the stack was full. */
function attemptToTheEnd(name, call) {
  const result = attempt(name, call);
  isDeep = false;
  return result.overflowed ? attempt(name, call) : result;
}

/**
 * Makes a call as deep as it goes, and some levels back. Only the call itself is deep: what the shadow then notes
 * of it must not be cut off as well.
 */
function callDeeply(call) {
  const room = random(2) === 0 ? random(20) : random(240);
  return descend(Math.max(0, depthOf(() => descend(Infinity)) - room), call);
}

let deepest = 0;

/** Measures and calls, so that the frames of both are of one size. */
function descend(levels, call, depth = 0) {
  deepest = depth;
  return depth < levels ? descend(levels, call, depth + 1) : call();
}

function depthOf(fall) {
  try {
    fall();
  } catch {
    // The stack is full.
  }
  return deepest;
}

// --- What may come ----------------------------------------------------------------------------------------

function makeArena() {
  if (arenas.length >= ARENAS_MAX) return;
  const kind = pick(KINDS);
  const { value: arena } = attempt('new Arena', () => new Arena({ ...kind, name: `a${++named}` }));
  if (arena !== undefined)
    arenas.push({
      arena,
      kind,
      scopes: [],
      get name() {
        return arena.name;
      },
    });
}

/** Calls that end a view before they tell subscribers; one of those may then be handed the same view. */
const ENDING_CALLS = ['free', 'release', 'realloc'];

function own(entry, view, scope) {
  if (view === undefined) return;
  const held = shadow.views.get(view);
  if (held !== undefined && !ENDING_CALLS.includes(held.busyWith))
    complain(`a live view of ${held.arena.name} was handed out again; it saw ${held.history}`);
  shadow.add(view, { arena: entry, scope });
}

function alloc(entry) {
  if (shadow.views.size > VIEWS_MAX) return free(entry);
  const size = pick(SIZES);
  const calls = [
    () => scrubbed(entry, entry.arena.allocUnsafe(size)),
    () => entry.arena.alloc(size),
    () => entry.arena.alloc(size, 7),
  ];
  own(entry, attempt('alloc', pick(calls)).value);
}

/** What an arena that zeroes on free hands out has nobody's old bytes. */
function scrubbed({ kind, name }, view) {
  if (kind.zero === 'free' && view.some((byte) => byte !== 0)) complain(`${name} shows old bytes`);
  return view;
}

/** A view of this arena, but none that a call under way is about. */
const anyOf = (entry, filter = () => true) =>
  pick(shadow.ofArena(entry).filter((it) => !it.busyWith && !entry.isEnding && filter(it)));

/** Makes a call about a view; subscribers that act meanwhile leave that alone. */
function attemptWith(holding, name, call) {
  holding.busyWith = name;
  const result = attempt(name, call);
  holding.busyWith = undefined;
  holding.note(`${name} at ${report.steps}${result.overflowed ? ', cut off' : ''}`);
  return result;
}

/** After a call that was cut off, the arena itself says whether a view is still live. */
function settle(entry, holding, result) {
  if (result.overflowed !== true) return false;
  if (!entry.arena.owns(holding.view)) forget(holding);
  else holding.write(); // `zero: 'free'` may have begun
  return true;
}

function forget(holding) {
  if (holding.holders > 0) holding.isFreed = true;
  else shadow.remove(holding);
}

function free(entry) {
  const holding = anyOf(entry, (it) => !it.isFreed && !it.isPinned);
  if (holding === undefined) return;
  const result = attemptWith(holding, 'free', () => entry.arena.free(holding.view));
  if (settle(entry, holding, result)) return;
  if (result.error !== undefined) complain(`free: ${result.error.code} ${result.error.message}`);
  forget(holding);
}

function retain(entry) {
  const holding = anyOf(entry, (it) => !it.isFreed && !it.isPinned);
  if (holding === undefined) return;
  const result = attemptWith(holding, 'retain', () => entry.arena.retain(holding.view));
  // Whether it is retained after that nobody can tell: it is given up.
  if (result.overflowed) holding.isUncertain = true;
  else if (result.error !== undefined) complain(`retain: ${result.error.code}`);
  else holding.holders++;
}

function release() {
  const holding = pick(
    [...shadow.views.values()].filter(
      (it) => it.holders > 0 && !it.isUncertain && !it.busyWith && !it.arena.isEnding,
    ),
  );
  if (holding === undefined) return;
  const result = attemptWith(holding, 'release', () => holding.arena.arena.release(holding.view));
  if (result.overflowed) {
    // It may be done. Then a view that its owner had freed is somebody else's now.
    holding.isUncertain = true;
    holding.holders--;
    if (holding.holders === 0 && (holding.isFreed || holding.isPinned)) shadow.remove(holding);
    return;
  }
  if (result.error !== undefined) complain(`release: ${result.error.code} ${result.error.message}`);
  holding.holders--;
  if (holding.holders === 0 && (holding.isFreed || holding.isPinned)) shadow.remove(holding);
}

function realloc(entry) {
  const holding = anyOf(entry, (it) => !it.isFreed && !it.isPinned && it.holders === 0);
  if (holding === undefined) return;
  const size = pick(SIZES);
  const result = attemptWith(holding, 'realloc', () => entry.arena.realloc(holding.view, size));
  if (settle(entry, holding, result) || result.error !== undefined) return;
  if (result.value === holding.view) return;
  shadow.remove(holding);
  own(entry, result.value, holding.scope);
}

function openScope(entry) {
  if (entry.scopes.length > 5) return endScope(entry);
  const { value } = attempt('openScope', () => entry.arena.openScope());
  if (value !== undefined) entry.scopes.push(value);
}

function allocInScope(entry) {
  const scope = pick(entry.scopes);
  if (scope === undefined || shadow.views.size > VIEWS_MAX) return;
  const call = () => scrubbed(entry, scope.allocUnsafe(pick(SIZES)));
  own(entry, attempt('scope.alloc', call).value, scope);
}

function endScope(entry) {
  const scope = pick(entry.scopes);
  if (scope === undefined) return;
  const result = attemptToTheEnd('scope.end', () => scope.end());
  if (result.error !== undefined) complain(`scope.end: ${result.error.stack}`);
  entry.scopes = entry.scopes.filter((it) => it !== scope);
  for (const it of shadow.ofArena(entry)) {
    if (it.scope !== scope || it.isFreed || it.isPinned) continue;
    if (entry.arena.owns(it.view) && it.holders === 0 && !it.isUncertain)
      complain(`scope.end left a view of ${entry.name} live`);
    forget(it);
  }
}

/** All views end but those that are retained, which keep their bytes. */
function endAll(entry) {
  for (const it of shadow.ofArena(entry)) {
    if (it.isUncertain || it.holders === 0) shadow.remove(it);
    else it.isPinned = true;
    it.scope = undefined;
  }
}

function reset(entry) {
  entry.isEnding = true;
  const result = attemptToTheEnd('reset', () => entry.arena.reset());
  const isGone = !arenas.includes(entry); // a subscriber has destroyed it meanwhile
  if (result.error !== undefined && !isGone) complain(`reset: ${result.error.code}`);
  endAll(entry);
  entry.isEnding = false;
}

function destroy(entry) {
  entry.isEnding = true;
  const result = attemptToTheEnd('destroy', () => entry.arena.destroy());
  if (result.error !== undefined) complain(`destroy: ${result.error.stack}`);
  endAll(entry);
  entry.isEnding = false; // what is retained can be released
  if (arenas.includes(entry)) arenas.splice(arenas.indexOf(entry), 1);
}

const trim = (entry) => attempt('trim', () => entry.arena.trim());
const ask = (entry) =>
  attempt('stats', () => (entry.arena.stats(), entry.arena.liveBlocks(), heapStats()));

/** Somebody takes the ArrayBuffer of a view away: all views on it have length 0, and the taker has its bytes. */
function transfer(entry) {
  const holding = anyOf(entry);
  if (holding === undefined || shadow.given.length >= GIVEN_MAX) return;
  const { buffer } = holding.view;
  if (buffer.transfer === undefined || buffer.byteLength === 0) return;
  const on = shadow.ofArena(entry).filter((it) => it.view.buffer === buffer);
  const result = attempt('transfer', () => buffer.transfer());
  if (result.value === undefined) return;
  for (const it of on) shadow.remove(it);
  shadow.addGiven(
    result.value,
    `${result.value.byteLength} bytes of ${JSON.stringify(entry.kind)}`,
  );
  // What is gone can be freed, or is refused with a code.
  for (const it of on) attempt('free of what is gone', () => entry.arena.free(it.view));
}

function dropGiven() {
  shadow.given.splice(random(shadow.given.length + 1), 1);
  if (random(4) === 0) globalThis.gc?.();
}

function clone(entry) {
  const holding = anyOf(entry, (it) => it.length > 0 && it.length < 4096);
  if (holding === undefined) return;
  const { value: copy } = attempt('clone', () => structuredClone(holding.view));
  copy?.fill(0);
}

const workers = new Set();

/** A worker gives memory away and ends in one way or another; what came from it stays ours. */
function giveFromWorker() {
  if (workers.size > 2 || shadow.given.length >= GIVEN_MAX) return;
  const how = pick(['end', 'exit', 'destroy', 'wait']);
  const workerData = { sizes: [pick(SIZES), pick(SIZES)], how, options: pick(GIVER_KINDS) };
  const worker = new Worker(new URL('./giver.mjs', import.meta.url), { workerData });
  workers.add(worker);
  worker.on('message', (buffer) => shadow.addGiven(buffer, 'from a worker'));
  worker.on('error', (error) => complain(`worker: ${error.stack}`));
  worker.on('exit', () => workers.delete(worker));
  if (how === 'wait') setTimeout(() => worker.terminate(), random(100));
}

// --- Subscribers --------------------------------------------------------------------------------------------

const ACTS = [alloc, free, reset, destroy, trim, retain, endScope, makeArena];
let isActing = false;

/** Does something itself, with any arena. */
function act() {
  if (isActing || isDeep || random(3) > 0 || arenas.length === 0) return;
  isActing = true;
  try {
    const entry = pick(arenas.filter(({ isEnding }) => !isEnding));
    if (entry !== undefined) pick(ACTS)(entry);
    if (random(8) === 0) throw new Error('a subscriber that throws');
  } finally {
    isActing = false;
  }
}

for (const channel of CHANNELS) subscribe(channel, act);
process.on('uncaughtException', (error) => {
  if (error.message !== 'a subscriber that throws') complain(`uncaught: ${error.stack}`);
});
process.on('warning', () => undefined);

// --- The machine --------------------------------------------------------------------------------------------

const WEIGHTS = [
  [alloc, 40],
  [free, 25],
  [retain, 5],
  [release, 6],
  [realloc, 6],
  [openScope, 3],
  [allocInScope, 10],
  [endScope, 3],
  [reset, 1],
  [destroy, 1],
  [trim, 1],
  [ask, 2],
  [transfer, 2],
  [clone, 2],
  [dropGiven, 1],
  [makeArena, 2],
];
const OPERATIONS = WEIGHTS.flatMap(([operation, weight]) => Array(weight).fill(operation));

function step() {
  report.steps++;
  if (arenas.length === 0) makeArena();
  const operation = pick(OPERATIONS);
  const entry = pick(arenas);
  if (entry === undefined) return;
  isDeep = given.overflow && random(8) === 0;
  operation(entry);
  isDeep = false;
}

const until =
  given.seconds === undefined ? Infinity : performance.now() + Number(given.seconds) * 1000;
const stepsMax = given.seconds === undefined ? Number(given.steps) : Infinity;

while (report.steps < stepsMax && performance.now() < until && report.problems.length === 0) {
  step();
  if (report.steps % CHECK_EVERY === 0) shadow.faults().forEach(complain);
  if (report.steps % 200 === 0) await wait(0);
  if (report.steps % 1000 === 0) giveFromWorker();
}
for (const channel of CHANNELS) unsubscribe(channel, act);
for (const worker of workers) await worker.terminate();
shadow.faults().forEach(complain);
for (const entry of [...arenas]) destroy(entry);
shadow.faults().forEach(complain);
console.log(JSON.stringify(report));
process.exit(report.problems.length > 0 ? 1 : 0);
