// Child: workers, each with an arena of 10 MB that it has written to, terminated at random moments. Prints
// what is left in the process then. With `--plain` the same workers have no arena, to compare with.
//
//   node workers-terminated.mjs <count> [--plain]

import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Arena, heapStats } from 'hakmem-arena';

const count = Number(process.argv[2]);
const isPlain = process.argv.includes('--plain');
const AT_ONCE = 2;
/** Workers before the first look: what Node itself needs for workers stays with the process. */
const WARM_UP = Math.min(count, 50);

const source = `
  const { parentPort } = require('node:worker_threads');
  const { Arena } = require('hakmem-arena');
  const arena = new Arena();
  const held = [];
  if (!${isPlain}) {
    for (let bytes = 0, i = 0; bytes < 10 * 1024 * 1024; i++) {
      const size = [100, 1000, 9000, 70_000][i % 4];
      held.push(arena.alloc(size, 1));
      bytes += size;
    }
  }
  parentPort.postMessage('full');
  for (let i = 0; ; i++) {
    const at = i % (held.length || 1);
    if (held.length > 0) {
      arena.free(held[at]);
      held[at] = arena.alloc(1 + ((i * 7919) % 20_000), 2);
    }
    if (i % 1000 === 999) arena.trim();
  }`;

let state = 7;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

async function runOne(i) {
  const worker = new Worker(source, { eval: true });
  // Half of them are ended while they start and fill, the others while they are at work.
  await once(worker, i % 2 === 0 ? 'online' : 'message');
  await setTimeout(random(30));
  await worker.terminate();
}

async function runAll(from, to) {
  for (let i = from; i < to; i += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, to - i) }, (_, k) => runOne(i + k)));
  }
}

const mib = (bytes) => Math.round((bytes / 1024 / 1024) * 10) / 10;
const look = () => ({
  rss: mib(process.memoryUsage.rss()),
  mapped: mib(heapStats().totals.bytes.mapped),
});

const own = new Arena();
own.alloc(1000);
const before = look();
await runAll(0, WARM_UP);
await setTimeout(100);
const start = look();
await runAll(0, count);
await setTimeout(100);
const end = look();
const { arenas, totals } = heapStats();
console.log(
  JSON.stringify({
    count,
    before,
    start,
    end,
    arenas: arenas.length,
    committed: totals.bytes.committed,
  }),
);
