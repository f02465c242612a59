// Child: everything the addon does, in this thread and in workers at the same time, once over: for builds of
// it that look at every access to memory.

import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Arena, heapMap, heapStats } from 'hakmem-arena';
import { announce, complain, countCall, finish } from './report.mjs';

const WORKERS = 3;
const ROUNDS = Number(process.argv[2] ?? workerData?.rounds ?? 4);
const MODES = [
  {},
  { maxBytes: 4 * 1024 * 1024 },
  { sizeClasses: [8, 32, 4096] },
  { views: 'fresh', guard: { sampleRate: 2 }, leaks: 'all', zero: 'free' },
];
process.on('warning', () => undefined);

const sizeOf = (i) => [i % 64, i % 1100, (i * 37) % 9000, 65_000 + (i % 2000), 300_000][i % 5];

/** Out of memory is the answer that one of the modes is there for. */
function tolerate(act) {
  try {
    return act();
  } catch (error) {
    if (error.code !== 'ERR_HAKMEM_OUT_OF_MEMORY') throw error;
    return undefined;
  }
}

function churn(arena) {
  const live = [];
  for (let i = 0; i < 600; i++) {
    const view = tolerate(() =>
      i % 3 === 0 ? arena.allocTyped(Float32Array, sizeOf(i) >> 2) : arena.alloc(sizeOf(i)),
    );
    if (view === undefined) continue;
    const next = i % 4 > 0 ? view : tolerate(() => arena.realloc(view, sizeOf(i + 1) & 0x3fff));
    live.push(next ?? view);
    if (live.length > 80) arena.free(live.splice((i * 7) % live.length, 1)[0]);
  }
  return live;
}

async function useArena(options, round) {
  const arena = new Arena(options);
  const live = churn(arena);
  const retained = live.slice(0, 5).map((view) => arena.retain(view));
  tolerate(() => arena.scope((scope) => scope.from('x'.repeat(1000))));
  const after = arena.freeAfter(live[6], Promise.resolve());
  for (const view of live.slice(10, 40)) arena.free(view);
  arena.trim();
  arena.stats();
  arena.reset();
  churn(arena);
  await after;
  // A slab that is given away comes back when nobody holds its bytes any more.
  const [given] = arena.owns(live[50]) ? [live[50]] : churn(arena);
  try {
    structuredClone(given.buffer, { transfer: [given.buffer] });
  } catch {
    // Newer Nodes refuse.
  }
  tolerate(() => arena.alloc(500));
  if (round % 2 === 0) arena.destroy();
  for (const view of retained) arena.release(view);
}

async function work() {
  for (let round = 0; round < ROUNDS; round++) {
    for (const options of MODES) await useArena(options, round);
    heapStats();
  }
}

async function main() {
  announce('start');
  const url = new URL(import.meta.url);
  const workers = Array.from(
    { length: WORKERS },
    (_, i) => new Worker(url, { workerData: { rounds: ROUNDS, isCut: i === 0 } }),
  );
  let running = WORKERS;
  const ends = workers.map(async (worker, i) => {
    worker.on('error', (error) => complain(`worker ${i}`, String(error.stack)));
    if (i === 0) {
      await once(worker, 'message');
      await worker.terminate();
    } else await once(worker, 'exit');
    running--;
  });
  await work();
  while (running > 0) {
    countCall();
    heapStats();
    heapMap();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(ends);
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  announce('end');
  finish();
}

if (isMainThread) await main();
else {
  parentPort.postMessage('started');
  await work();
}
