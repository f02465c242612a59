// Child: three threads. The main one sends to a middle one, which sends on to the last one what it got, and is terminated
// at a random moment, again and again. The last one checks every byte. Prints what was wrong, and the books after.
//
//   node relay-soak.mjs <middle threads> <messages through each, at most> [seed]

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Arena, Channel, adopt, heapStats } from 'hakmem-arena';

const SIZES = [1, 100, 5000, 20_000, 65_536, 200_000, 1_000_000];

let state = isMainThread ? Number(process.argv[4] ?? 1) : 0;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

async function unlessClosed(act) {
  try {
    await act();
  } catch (error) {
    if (error.code !== 'ERR_HAKMEM_CHANNEL_CLOSED') throw error;
  }
}

async function beMiddle({ from, to, ticket }) {
  const arena = new Arena({ name: 'middle' });
  const [source, target] = [Channel.open(from, arena), Channel.open(to, arena)];
  parentPort.unref();
  // What came by ticket goes on by ticket.
  parentPort.postMessage(arena.share(adopt(ticket)));
  await unlessClosed(() =>
    source.receive(async (buffer, header, tag) => {
      while (!target.send(buffer, header, tag)) await target.ready();
    }),
  );
}

async function beLast() {
  const arena = new Arena({ name: 'last' });
  parentPort.on('message', async ({ from, ticket }) => {
    const counts = { received: 0, spoiled: 0, disorder: 0, lost: 0 };
    let next = 0;
    if (ticket !== undefined) {
      try {
        arena.scope((scope) => {
          if (!scope.adopt(ticket).every((byte) => byte === 7)) counts.spoiled++;
        });
      } catch (error) {
        if (error.code !== 'ERR_HAKMEM_TICKET') throw error;
        counts.lost++; // its thread had ended
      }
    }
    const end = Channel.open(from, arena);
    const close = once(end, 'close');
    await end.receive((buffer, [number, length, byte], tag) => {
      counts.received++;
      if (number < next) counts.disorder++;
      next = number + 1;
      const isWhole = buffer.equals(Buffer.alloc(length, byte));
      if (!isWhole || tag !== `${byte}`) counts.spoiled++;
      buffer.fill(0);
      if (counts.received % 16 === 0) parentPort.postMessage(16);
    });
    await close;
    parentPort.postMessage(counts);
  });
}

async function beMain(middles, messages) {
  const arena = new Arena({ name: 'main' });
  const last = new Worker(new URL(import.meta.url), { workerData: { part: 'last' } });
  const totals = { received: 0, spoiled: 0, disorder: 0, lost: 0 };

  const relay = async () => {
    const [ours, theirs] = new Channel({ capacity: 1 + random(64) }).ends;
    const [theirs2, last2] = new Channel({ capacity: 1 + random(64) }).ends;
    const ticket = arena.share(arena.alloc(SIZES[random(SIZES.length)], 7));
    const middle = new Worker(new URL(import.meta.url), {
      workerData: { part: 'middle', from: theirs, to: theirs2, ticket },
      transferList: [theirs.port, theirs2.port],
    });
    const exit = once(middle, 'exit');
    const [handedOn] = await once(middle, 'message');
    const end = Channel.open(ours, arena);
    last.postMessage({ from: last2, ticket: handedOn }, [last2.port]);
    let left = random(messages);
    const enough = new Promise((resolve) => {
      const note = (message) => {
        if (typeof message === 'number' && (left -= message) > 0) return;
        last.off('message', note);
        resolve();
      };
      last.on('message', note);
    });
    const counts = new Promise((resolve) => {
      const note = (message) => {
        if (typeof message === 'number') return;
        last.off('message', note);
        resolve(message);
      };
      last.on('message', note);
    });
    const sending = unlessClosed(async () => {
      for (let number = 0; ; number++) {
        const length = SIZES[random(SIZES.length)];
        const byte = 1 + random(255);
        const view = arena.allocUnsafe(length).fill(byte);
        try {
          while (!end.send(view, [number, length, byte], `${byte}`)) await end.ready();
        } catch (error) {
          if (arena.owns(view)) arena.free(view);
          throw error;
        }
        if (random(8) === 0) await turn();
      }
    });
    await enough;
    const until = performance.now() + random(1000) / 1000;
    while (performance.now() < until);
    await middle.terminate();
    await Promise.all([exit, sending]);
    for (const [name, count] of Object.entries(await counts)) totals[name] += count;
  };

  for (let i = 0; i < middles; i++) await relay();
  await last.terminate();
  await turn();
  arena.trim();
  const { lending, bytes } = arena.stats();
  const { differences } = arena.verify();
  const arenas = heapStats().arenas.map(({ name }) => name);
  const books = { away: lending.away, used: bytes.used, differences, arenas };
  console.log(JSON.stringify({ ...totals, ...books }));
}

if (isMainThread) await beMain(...process.argv.slice(2, 4).map(Number));
else if (workerData.part === 'middle') await beMiddle(workerData);
else await beLast();
