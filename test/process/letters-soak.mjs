// Child: the main thread and workers hand Buffers to each other while workers are terminated at random moments, in
// the middle of whatever they do. Every byte is checked by whoever gets it. Prints what was wrong, and the books after.
//
//   node letters-soak.mjs <workers> <messages each>

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Arena, adopt, heapStats, release } from 'hakmem-arena';

const SIZES = [16, 100, 1000, 5000, 65_536, 200_000];
/** In a message. */
const TICKETS = 50;
const CODES = ['ERR_HAKMEM_TICKET'];

let state = isMainThread ? 1 : workerData.seed;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

let spoiled = 0;

/** Where a Buffer is filled and looked at: all over, or in four places. */
function placesOf(length) {
  if (length <= 5000) return [[0, length]];
  return [0, length >> 2, length >> 1, length - 64].map((at) => [at, at + 64]);
}

/** A Buffer of one byte value, its first byte included. */
function fill(view) {
  const byte = 1 + random(255);
  for (const [begin, end] of placesOf(view.length)) view.fill(byte, begin, end);
  return view;
}

function check(view) {
  const byte = view[0];
  const isWhole = placesOf(view.length).every(([begin, end]) =>
    [begin, end - 1, begin + random(end - begin)].every((i) => view[i] === byte),
  );
  if (byte === 0 || !isWhole) spoiled++;
}

function share(arena) {
  return arena.share(fill(arena.allocUnsafe(SIZES[random(SIZES.length)])));
}

/** undefined: it was recalled or revoked. */
function tryAdopt(ticket) {
  try {
    return adopt(ticket);
  } catch (error) {
    if (!CODES.includes(error.code)) throw error;
    return undefined;
  }
}

/** Adopts, checks, writes, holds for a while, checks again and releases. */
class Borrower {
  #held = [];

  take(ticket) {
    const view = tryAdopt(ticket);
    if (view === undefined) return;
    check(view);
    fill(view);
    this.#held.push(view);
    if (this.#held.length > 20) this.give(random(this.#held.length));
  }

  give(at) {
    const [view] = this.#held.splice(at, 1);
    check(view);
    release(view);
  }

  giveAll() {
    while (this.#held.length > 0) this.give(0);
  }
}

if (!isMainThread) {
  const arena = new Arena({ name: 'worker' });
  const borrower = new Borrower();
  parentPort.on('message', (tickets) => {
    for (const ticket of tickets) borrower.take(ticket);
    parentPort.postMessage({ spoiled, tickets: tickets.map(() => share(arena)) });
    spoiled = 0;
    if (random(30) === 0) arena.reset();
  });
} else {
  const [workers, messages] = process.argv.slice(2).map(Number);
  const arena = new Arena({ name: 'main' });
  const borrower = new Borrower();
  const counts = { offered: 0, recalled: 0, terminated: 0, taken: 0 };

  /** Talks to one worker until it has had enough, and ends it in the middle of something. */
  const talk = async (i) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { seed: 1000 + i } });
    const open = new Set();
    const send = () => {
      const tickets = Array.from({ length: TICKETS }, () => share(arena));
      counts.offered += tickets.length;
      for (const ticket of tickets) open.add(ticket);
      worker.postMessage(tickets);
    };
    let left = messages;
    const isOver = new Promise((resolve) => {
      worker.on('message', (message) => {
        spoiled += message.spoiled;
        for (const ticket of message.tickets) borrower.take(ticket);
        counts.taken += message.tickets.length;
        if (left-- > 0) send();
        else resolve();
      });
    });
    await once(worker, 'online');
    for (let k = 0; k < 3; k++) send();
    await isOver;
    send();
    for (let turns = random(4); turns > 0; turns--) await turn();
    await worker.terminate();
    counts.terminated++;
    // What it never adopted is still ours.
    for (const ticket of open) {
      const view = arena.recall(ticket);
      if (view === undefined) continue;
      counts.recalled++;
      check(view);
      arena.free(view);
    }
  };

  for (let i = 0; i < workers; i += 2) {
    await Promise.all([talk(i), talk(i + 1)]);
    if (i % 10 === 0) arena.reset();
  }
  borrower.giveAll();
  await turn();
  const { lending, bytes } = arena.stats();
  arena.trim();
  const { arenas, totals } = heapStats();
  const lost = arena
    .stats()
    .classes.flatMap(({ bins }) => bins)
    .filter(
      (it) => it.live + it.frontBlocks + it.away + it.freeBlocks + it.remoteBlocks !== it.capacity,
    );
  console.log(
    JSON.stringify({
      ...counts,
      spoiled,
      away: lending.away,
      bytesAway: bytes.away,
      used: arena.stats().bytes.used,
      returned: lending.returned,
      lost,
      differences: arena.verify().differences,
      arenas: arenas.map(({ name }) => name),
      committed: totals.bytes.committed,
      external: process.memoryUsage().external,
    }),
  );
}
