// Child: two threads that wake each other, with stalls at random moments. Each asks, and answers what the other asks;
// or each only sends, into a channel that is nearly always full. A wake-up that is lost leaves both asleep, which is
// told after a while without progress. Prints what each has got.
//
//   node channel-ping-pong.mjs <'ask' | 'flow'> <messages each> <in flight>

import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Arena, Channel } from 'hakmem-arena';

const STUCK_MS = 10_000;
const LENGTHS = [8, 8, 8, 8, 8, 8, 3000];

let state = isMainThread ? 7 : 8;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

/** Now and then the thread is busy for up to 0.2 ms, or lets others go first. */
function stall() {
  switch (random(500)) {
    case 0: {
      const until = performance.now() + random(200) / 1000;
      while (performance.now() < until);
      return undefined;
    }
    case 1:
      return turn();
    case 2:
      return Promise.resolve();
    case 3:
      return random(10) === 0 ? sleep(1) : undefined;
    default:
      return undefined;
  }
}

const arena = new Arena();
const message = () => arena.allocUnsafe(LENGTHS[random(LENGTHS.length)]);

/** Always `window` questions under way; room is always left for the answers. */
async function ask(end, total, window, over) {
  let asked = 0;
  let answered = 0;
  const more = () => {
    if (asked < total) end.send(message(), [asked++], 'ask');
  };
  const reading = end.receive((buffer, [number], tag) => {
    if (tag === 'ask') {
      if (!end.send(message(), [number], 'answer')) throw new Error('no room for an answer');
    } else {
      if (number !== answered) throw new Error(`answer ${number} instead of ${answered}`);
      if (++answered === total) over(answered);
      more();
    }
    return stall();
  });
  for (let i = 0; i < window; i++) more();
  await reading;
}

async function flow(end, total, over) {
  let received = 0;
  const reading = end.receive((buffer, [number]) => {
    if (number !== received) throw new Error(`message ${number} instead of ${received}`);
    if (++received === total) over(received);
    return stall();
  });
  for (let i = 0; i < total; i++) {
    const view = message();
    while (!end.send(view, [i])) await end.ready();
    await stall();
  }
  await reading;
}

function play(end, { mode, total, window }, over) {
  let before = -1;
  const watch = setInterval(() => {
    const { received, depth } = end.stats();
    if (received === before) throw new Error(`stuck at ${received}, ${depth} under way`);
    before = received;
  }, STUCK_MS);
  end.once('close', () => clearInterval(watch));
  return mode === 'ask' ? ask(end, total, window, over) : flow(end, total, over);
}

if (isMainThread) {
  const [mode, total, window] = process.argv.slice(2);
  const game = { mode, total: Number(total), window: Number(window) };
  const capacity = mode === 'ask' ? 2 * game.window : game.window;
  const [ours, theirs] = new Channel({ capacity }).ends;
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { handle: theirs, game },
    transferList: [theirs.port],
  });
  const end = Channel.open(ours, arena);
  const results = await new Promise((resolve) => {
    const both = [];
    const over = (count) => {
      if (both.push(count) === 2) resolve(both);
    };
    worker.once('message', over);
    void play(end, game, over);
  });
  // The last answers of both have arrived, so nothing is under way that anybody waits for.
  end.close();
  await new Promise((resolve) => worker.once('exit', resolve));
  console.log(
    JSON.stringify({ results, away: arena.stats().lending.away, left: end.stats().depth }),
  );
} else {
  const end = Channel.open(workerData.handle, arena);
  await play(end, workerData.game, (count) => parentPort.postMessage(count));
}
