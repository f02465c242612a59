// Child: somebody writes all over the ArrayBuffers that an arena has shown, while it works: this thread
// between calls, and at any moment the threads of Node's pool, which read random bytes into whole slabs, also
// into those that are retired meanwhile. User data is lost; the allocator is not.
//
//   node scribbler.mjs <seed> <steps> '<arena options as JSON>'

import { openSync, read } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Arena, heapStats } from 'hakmem-arena';
import { announce, complain, countCall, finish } from './report.mjs';

const [seed, steps, options] = process.argv.slice(2);
const arena = new Arena({ ...JSON.parse(options), name: 'scribbled' });
const quiet = new Arena({ name: 'quiet' });
const witness = Array.from({ length: 50 }, (_, i) => quiet.alloc(10 + 400 * i, 1 + i));
process.on('warning', () => undefined);

let state = Number(seed) >>> 0;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

/** Every ArrayBuffer ever seen, some of them detached long ago. */
const buffers = new Set();

function scribble() {
  for (const buffer of buffers) {
    if (buffer.byteLength === 0) {
      buffers.delete(buffer);
      continue;
    }
    if (random(8) > 0) continue;
    const bytes = new Uint8Array(buffer);
    const from = random(bytes.length);
    const pattern = [0, 0xff, 0x01, 0x80, random(256)][random(5)];
    bytes.fill(pattern, from, random(2) ? bytes.length : from + random(4096));
    // Numbers as an allocator would keep in its headers.
    const words = new Uint32Array(buffer);
    for (let i = 0; i < 16; i++) words[random(words.length)] = [0, 1, 0xffffffff, 64][random(4)];
  }
}

let readsUnderWay = 0;
const noise = openSync(process.platform === 'win32' ? process.execPath : '/dev/urandom');

/** Other threads write: they go on when this one comes back from its event loop. */
function readNoise() {
  const attached = [...buffers].filter(({ byteLength }) => byteLength > 0);
  while (readsUnderWay < 4 && attached.length > 0) {
    readsUnderWay++;
    const bytes = new Uint8Array(attached[random(attached.length)]);
    read(noise, bytes, 0, bytes.length, null, () => readsUnderWay--);
  }
}

// --- No two live views share a byte ------------------------------------------------------------------

const live = [];
/** A byte for every 8 of an ArrayBuffer: 1 while they are handed out. */
const granulesOf = new WeakMap();

function granulesUnder(view) {
  const { buffer, byteOffset } = view;
  let granules = granulesOf.get(buffer);
  if (granules === undefined) {
    granules = new Uint8Array(Math.ceil(buffer.byteLength / 8));
    granulesOf.set(buffer, granules);
  }
  const bytes = Math.min(arena.usableSize(view), buffer.byteLength - byteOffset);
  return granules.subarray(byteOffset >> 3, (byteOffset + bytes + 7) >> 3);
}

function claim(view) {
  if (view.byteLength === 0) return;
  buffers.add(view.buffer);
  const granules = granulesUnder(view);
  if (granules.includes(1)) throw new Error(`bytes at ${view.byteOffset} were handed out twice`);
  granules.fill(1);
}

function disclaim(view) {
  if (view.byteLength > 0) granulesUnder(view).fill(0);
}

let [allocs, frees, liveBytes] = [0, 0, 0];

function take() {
  const size = [random(64), random(1100), random(9000), 65_000 + random(3000)][random(4)];
  const view = random(3) ? arena.allocUnsafe(size) : arena.allocTyped(Uint16Array, size >> 1);
  claim(view);
  live.push(view);
  if (view.byteLength === 0) return;
  allocs++;
  liveBytes += view.byteLength;
}

function give() {
  const at = random(live.length);
  const view = live[at];
  live[at] = live.at(-1);
  live.pop();
  disclaim(view);
  if (view.byteLength > 0) {
    frees++;
    liveBytes -= view.byteLength;
  }
  arena.free(view);
}

function compare(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what}: ${actual}, expected ${expected}`);
}

function check() {
  const stats = arena.stats();
  const sum = (field) => stats.classes.reduce((total, row) => total + row[field], 0);
  compare('allocs', sum('allocs'), allocs);
  compare('frees', sum('frees'), frees);
  compare('live bytes', stats.bytes.live, liveBytes);
  compare('double frees', stats.failures.doubleFrees, 0);
  for (const row of stats.classes) {
    const { live: used, frontBlocks, freeBlocks, remoteBlocks, capacity, name } = row;
    compare(`capacity of ${name}`, used + frontBlocks + freeBlocks + remoteBlocks, capacity);
  }
  const { live: used, front, freeInSlab, freeSlabs, slack, committed } = stats.bytes;
  compare('committed', used + front + freeInSlab + freeSlabs + slack, committed);
  compare('arenas', heapStats().arenas.length, 2);
}

for (let step = 0; step < Number(steps); step++) {
  const call = `step ${step}`;
  if (step % 64 === 0) announce(call);
  countCall();
  try {
    const kind = random(100);
    if (kind < 50 && live.length < 600) take();
    else if (kind < 97 && live.length > 0) give();
    else if (kind === 98 && random(8) === 0) arena.trim();
    if (step % 32 === 0) scribble();
    if (step % 128 === 0) check();
    if (step % 128 === 0) {
      readNoise();
      await setImmediate();
    }
  } catch (error) {
    complain(call, String(error.stack));
    break;
  }
}
while (live.length > 0) give();
while (readsUnderWay > 0) await setImmediate();
arena.trim();
check();
compare('used bytes at the end', arena.stats().bytes.used, 0);
witness.forEach((view, i) => {
  if (!view.equals(Buffer.alloc(10 + 400 * i, 1 + i))) complain('the end', 'another arena was hit');
});
finish();
