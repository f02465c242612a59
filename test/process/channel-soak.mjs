// Child: the main thread and workers send to each other by channels, while workers end at random moments, in the
// middle of whatever they do, and in every way there is. Whoever gets a message checks its number and its bytes. Prints
// what was wrong, and the books after.
//
//   node channel-soak.mjs <messages in all> <workers> [seed]

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Arena, Channel, heapStats } from 'hakmem-arena';

const SIZES = [0, 1, 16, 100, 1000, 2048, 2049, 5000, 20_000, 65_536, 200_000];
const LIMITS = [
  {},
  { capacity: 4 },
  { threshold: 0 },
  { maxBytes: 300_000 },
  { threshold: 65_536 },
];

/** What a worker does with its end. */
const HABITS = ['echo', 'keep', 'deaf', 'late', 'busy', 'reset', 'release'];
/** How it ends. */
const ENDS = ['terminate', 'terminate', 'terminate', 'close', 'exit', 'throw', 'return'];

let state = isMainThread ? Number(process.argv[4] ?? 1) : workerData.seed;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

const counts = { received: 0, spoiled: 0, disorder: 0 };

/** Sends numbered messages, each full of one byte. */
class Writer {
  #arena;
  #end;
  #number = 0;

  constructor(arena, end) {
    this.#arena = arena;
    this.#end = end;
  }

  /** false: the channel is full. */
  send() {
    const length = SIZES[random(SIZES.length)];
    const byte = 1 + random(255);
    const view = this.#arena.allocUnsafe(length).fill(byte);
    let isSent = false;
    try {
      isSent = this.#end.send(view, [this.#number, length, byte], `${byte}`);
    } finally {
      if (isSent) this.#number++;
      else this.#arena.free(view);
    }
    return isSent;
  }
}

/**
 * Checks what arrives. Numbers may be missing only where the sender's arena was reset, or has ended with its thread.
 */
class Reader {
  #next = 0;
  #mayMiss;

  constructor(mayMiss) {
    this.#mayMiss = mayMiss;
  }

  check(buffer, [number, length, byte], tag) {
    counts.received++;
    if (number !== this.#next && !(this.#mayMiss && number > this.#next)) counts.disorder++;
    this.#next = number + 1;
    const at = [0, 1, length >> 1, length - 1, random(length)].filter((i) => i >= 0 && i < length);
    const isWhole = buffer.length === length && at.every((i) => buffer[i] === byte);
    if (!isWhole || tag !== `${byte}`) counts.spoiled++;
    // Whoever has it may write there.
    buffer.fill(0);
  }
}

/** Whether it did what it does, or the channel is closed. */
function unlessClosed(act) {
  try {
    return act();
  } catch (error) {
    if (error.code !== 'ERR_HAKMEM_CHANNEL_CLOSED') throw error;
    return false;
  }
}

/** Goes on sending until the channel is closed. */
async function sendAlways(writer, end) {
  try {
    for (;;) {
      while (writer.send()) if (random(64) === 0) await turn();
      await end.ready();
    }
  } catch (error) {
    if (error.code !== 'ERR_HAKMEM_CHANNEL_CLOSED') throw error;
  }
}

async function beWorker({ handle, habit, how, life }) {
  const arena = new Arena({ name: 'worker' });
  if (habit === 'late') await sleep(random(10));
  const end = Channel.open(handle, arena);
  const writer = new Writer(arena, end);
  const reader = new Reader(false);
  const kept = [];
  let left = life;
  const step = (buffer, header, tag) => {
    reader.check(buffer, header, tag);
    if (habit === 'keep') kept.push(end.keep(buffer));
    if (habit === 'release' && random(2) === 0) end.release(buffer);
    if (kept.length > 50) end.release(kept.splice(random(50), 1)[0]);
    if (habit === 'reset' && random(50) === 0) arena.reset();
    unlessClosed(() => writer.send());
    if (--left > 0) return undefined;
    if (how === 'exit') process.exit(0);
    if (how === 'throw') throw new Error('on purpose');
    if (how === 'return') end.close();
    return random(2) === 0 ? turn() : undefined;
  };
  parentPort.unref();
  end.once('close', () => parentPort.postMessage(counts));
  if (habit === 'busy') void sendAlways(writer, end);
  if (habit === 'deaf') while (unlessClosed(() => writer.send()));
  else await end.receive(step);
}

/** Nothing is live and nothing is away, and every block is somewhere. */
function readBooks(arena) {
  arena.trim();
  const { lending, bytes, classes } = arena.stats();
  const lost = classes
    .flatMap(({ bins }) => bins)
    .filter(
      (it) => it.live + it.frontBlocks + it.away + it.freeBlocks + it.remoteBlocks !== it.capacity,
    );
  const { differences } = arena.verify();
  const live = classes.reduce((sum, row) => sum + row.live, 0);
  return { away: lending.away, bytesAway: bytes.away, used: bytes.used, live, lost, differences };
}

async function beMain(messages, workers) {
  const arena = new Arena({ name: 'main' });
  const ends = Object.fromEntries(ENDS.map((how) => [how, 0]));
  const perWorker = Math.ceil(messages / workers);
  let sent = 0;

  const live = async (i) => {
    const habit = HABITS[random(HABITS.length)];
    const how = habit === 'deaf' ? 'terminate' : ENDS[random(ENDS.length)];
    ends[how]++;
    const life = 1 + random(2 * perWorker);
    const [ours, theirs] = new Channel(LIMITS[random(LIMITS.length)]).ends;
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { handle: theirs, habit, how, life, seed: 1000 * (i + 1) + state },
      transferList: [theirs.port],
    });
    const exit = new Promise((resolve) => worker.once('exit', resolve));
    worker.on('error', (error) => {
      if (error.message !== 'on purpose') throw error;
    });
    worker.on('message', (theirCounts) => {
      counts.spoiled += theirCounts.spoiled;
      counts.disorder += theirCounts.disorder;
    });
    const end = Channel.open(ours, arena);
    const close = once(end, 'close');
    const writer = new Writer(arena, end);
    const reader = new Reader(habit === 'reset' || (how !== 'close' && how !== 'return'));
    let left = life;
    const isOver = new Promise((resolve) => {
      const reading = end.receive((buffer, header, tag) => {
        reader.check(buffer, header, tag);
        if (--left <= 0) resolve();
      });
      reading.then(resolve);
      if (habit === 'deaf' || habit === 'late') setTimeout(resolve, random(60));
    });
    const sending = sendAlways(writer, end);
    await isOver;
    if (how === 'terminate') {
      const until = performance.now() + random(1000) / 1000;
      while (performance.now() < until);
      await worker.terminate();
    } else if (how === 'close') {
      end.close();
    } else {
      await close;
    }
    await Promise.all([exit, close, sending]);
    const stats = end.stats();
    if (stats.depth !== 0 || stats.bytesUnderWay !== 0) counts.disorder++;
    sent += stats.sent;
  };

  for (let i = 0; i < workers; i += 2) await Promise.all([live(i), live(i + 1)]);
  await turn();
  const arenas = heapStats().arenas.map(({ name }) => name);
  console.log(JSON.stringify({ ...counts, sent, ends, ...readBooks(arena), arenas }));
}

if (isMainThread) await beMain(...process.argv.slice(2, 4).map(Number));
else await beWorker(workerData);
