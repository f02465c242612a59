// Child: somebody else writes whatever he likes into the shared memory of channels, from this thread between the steps
// and from another one at any moment, while they are used. Everything that the arena has beside the messages is full of
// one byte, which must never arrive. Prints which errors came, how often, and the books after.
//
//   node channel-memory.mjs <channels> <seed>

import { setImmediate as turn } from 'node:timers/promises';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { Arena, Channel } from 'hakmem-arena';

const SECRET = 0xee;
const LENGTHS = [0, 10, 1000, 2048, 3000, 70_000];
const WORDS = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 7, 8, 64, 255, 256, 2048, 2049, 65_536];

let state = isMainThread ? Number(process.argv[3]) : workerData.seed;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

/** One word, near the beginning more often than elsewhere; now and then all of them. */
function spoil(words) {
  const within = [32, 200, 1000, words.length][random(4)];
  const value = random(2) === 0 ? WORDS[random(WORDS.length)] : random(2 ** 32) | 0;
  if (random(200) === 0) words.fill(value);
  else words[random(Math.min(within, words.length))] = value;
}

if (isMainThread) {
  const arena = new Arena();
  const secrets = [16, 100, 1000, 5000, 70_000].flatMap((length) =>
    Array.from({ length: 20 }, () => arena.alloc(length, SECRET)),
  );
  const errors = {};
  const noted = (error) => {
    if (!Object.hasOwn(error, 'code')) throw error;
    errors[error.code] = (errors[error.code] ?? 0) + 1;
  };
  let received = 0;
  let foreign = 0;

  const read = (end) =>
    end
      .receive((buffer) => {
        received++;
        if (buffer.includes(Buffer.alloc(8, SECRET))) foreign++;
        return random(4) === 0 ? turn() : undefined;
      })
      .catch(noted);

  const play = async (isRaced) => {
    const { ends } = new Channel({ capacity: 16, threshold: 2048 });
    const words = new Int32Array(ends[0].memory);
    const both = ends.map((handle) => Channel.open(handle, arena));
    const worker = isRaced
      ? new Worker(new URL(import.meta.url), { workerData: { words, seed: state } })
      : undefined;
    const readers = both.map(read);
    for (let step = 0; step < 60 && both.some((end) => !end.closed); step++) {
      const end = both[random(2)];
      const view = arena.alloc(LENGTHS[random(LENGTHS.length)], 1 + random(100));
      try {
        if (!end.send(view, [1, 2], 'tag')) arena.free(view);
      } catch (error) {
        noted(error);
        arena.free(view);
      }
      if (!isRaced && random(3) === 0) spoil(words);
      if (random(3) === 0) await turn();
      try {
        end.stats();
      } catch (error) {
        noted(error);
      }
    }
    for (const end of both) end.close();
    await Promise.all(readers);
    await turn();
    await worker?.terminate();
  };

  const channels = Number(process.argv[2]);
  for (let i = 0; i < channels; i++) await play(i % 10 === 0);
  const isWhole = secrets.every((view) => view.every((byte) => byte === SECRET));
  for (const view of secrets) arena.free(view);
  await turn();
  // Messages that were said to be read, and were not, are whoever's said so: until a reset.
  arena.reset();
  arena.trim();
  const { lending, bytes } = arena.stats();
  const { ok } = arena.verify();
  console.log(
    JSON.stringify({
      errors,
      received,
      foreign,
      isWhole,
      ok,
      away: lending.away,
      used: bytes.used,
    }),
  );
} else {
  for (;;) spoil(workerData.words);
}
