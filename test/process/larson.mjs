// Child: larson, whose threads replace Buffers at random and leave those that they have to a successor, who frees them as
// it goes on. Several chains of threads play at a time. A thread ends when its successor is done, which by then has most
// of its blocks released; what is left lives on. Prints what was wrong, and what was freed by whom.
//
//   node larson.mjs <chains> <threads in each> <steps of each> [seed]

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Arena, adopt, heapStats, release } from 'hakmem-arena';

const SLOTS = 1000;
const [BYTES_MIN, BYTES_MAX] = [8, 1000];

function playThread({ tickets, steps, seed }) {
  let state = seed >>> 0;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const arena = new Arena({ name: 'larson' });
  const counts = { spoiled: 0, released: 0, freed: 0 };

  /** The length in its first four bytes, and a last byte made of it. */
  const make = () => {
    const length = BYTES_MIN + random(BYTES_MAX - BYTES_MIN + 1);
    const view = arena.allocUnsafe(length);
    view.writeUInt32LE(length);
    view[length - 1] = length & 255;
    return view;
  };
  const check = (view) => {
    const { length } = view;
    if (view.readUInt32LE() !== length || view[length - 1] !== (length & 255)) counts.spoiled++;
  };

  const slots = tickets.map((ticket) => adopt(ticket));
  const inherited = new Set(slots);
  while (slots.length < SLOTS) slots.push(make());
  for (let step = 0; step < steps; step++) {
    const at = random(SLOTS);
    const view = slots[at];
    check(view);
    if (inherited.delete(view)) {
      release(view);
      counts.released++;
    } else {
      arena.free(view);
      counts.freed++;
    }
    slots[at] = make();
  }
  // What is left of its predecessor's it hands on as a copy, which is a release as well.
  const left = slots.map((view) => {
    check(view);
    if (inherited.has(view)) counts.released++;
    return arena.share(view);
  });
  return { arena, counts, left };
}

if (isMainThread) {
  const [chains, threads, steps, seed = 1] = process.argv.slice(2).map(Number);
  const totals = { spoiled: 0, released: 0, remote: 0, local: 0, differences: 0 };

  /** A thread begins, and then tells its predecessor to end. The last one's blocks are revoked with its arena. */
  const playChain = async (chain) => {
    let before;
    for (let i = 0; i < threads; i++) {
      const tickets = before?.left ?? [];
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { tickets, steps, seed: (seed * 1000 + chain) * 1000 + i },
      });
      const [{ counts, left }] = await once(worker, 'message');
      totals.spoiled += counts.spoiled;
      totals.released += counts.released;
      if (before !== undefined) await before.end();
      const end = async () => {
        const exit = once(worker, 'exit');
        worker.postMessage('end');
        const [{ frees, away, differences }] = await once(worker, 'message');
        const { local, remote } = frees;
        if (local - counts.freed !== 0 || away !== (i === threads - 1 ? SLOTS : 0)) {
          totals.differences++;
        }
        totals.differences += differences;
        totals.local += local;
        totals.remote += remote;
        await exit;
      };
      before = { left, end };
    }
    await before.end();
  };

  await Promise.all(Array.from({ length: chains }, (_, chain) => playChain(chain)));
  await turn();
  const { arenas } = heapStats();
  console.log(JSON.stringify({ ...totals, arenas: arenas.map(({ name }) => name) }));
} else {
  const { arena, counts, left } = playThread(workerData);
  parentPort.postMessage({ counts, left });
  parentPort.once('message', () => {
    const { classes, lending } = arena.stats();
    const sum = (name) => classes.reduce((all, row) => all + row[name], 0);
    parentPort.postMessage({
      frees: { local: sum('local'), remote: sum('remote') },
      away: lending.away,
      differences: arena.verify().differences.length,
    });
  });
}
