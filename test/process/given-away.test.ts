/**
 * Given away: a worker's Buffer whose ArrayBuffer was sent to the main thread, however the worker ended.
 */
import { describe, expect, test } from '@jest/globals';
import { IS_WASM } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

/** Ways to take an ArrayBuffer so that it can be sent on; `transfer` exists from Node 22 on. */
const TAKERS = ['transfer', 'stream'] as const;
const HAS_TRANSFER = 'transfer' in ArrayBuffer.prototype;

/** What the giver does to its arena, and then to itself. */
const ENDS: readonly (readonly [string, string])[] = [
  ['its worker ends by itself', ''],
  ['its worker is terminated', 'terminate = true; setInterval(() => {}, 1000);'],
  ['its worker calls process.exit', 'setTimeout(() => process.exit(0), 20);'],
  ['its arena is destroyed, and the worker ends', 'arena.destroy();'],
  ['its arena is reset, and the worker ends', 'arena.reset();'],
  ['its view is freed and the arena trimmed', 'arena.free(view); arena.alloc(size); arena.trim();'],
  [
    'its arena is dropped and collected, and the worker ends',
    'arena = view = undefined; for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }',
  ],
];

interface Report {
  readonly readable: boolean;
  readonly hits: number;
  readonly wasSecret: boolean;
  readonly givenAway: number;
  readonly sizes: readonly number[];
}

const GIVER = (taker: string, end: string): string => `
  const { parentPort } = require('node:worker_threads');
  const { Arena } = require('hakmem-arena');
  async function take(view) {
    if (${JSON.stringify(taker)} === 'transfer') return view.buffer.transfer();
    const stream = new ReadableStream({
      type: 'bytes',
      pull(it) { it.byobRequest.view[0] = 87; it.byobRequest.respond(it.byobRequest.view.byteLength); },
    });
    const { value } = await stream.getReader({ mode: 'byob' }).read(view);
    return value.buffer;
  }
  (async () => {
    let terminate = false;
    for (const size of [1000, 65_536, 1_000_000, 5_000_000]) {
      let arena = new Arena({ name: 'giver' });
      let view = arena.alloc(size, 'W');
      const buffer = await take(view);
      parentPort.postMessage(buffer, [buffer]);
      ${end}
    }
    parentPort.postMessage({ terminate });
  })();`;

/** The giver's arenas are of one worker; the receiver then fills everything that it can get. */
function run(taker: string, end: string): Promise<Report> {
  return resultOf<Report>(
    `
    const { Worker } = require('node:worker_threads');
    const { Arena, heapStats } = require('hakmem-arena');
    const received = [];
    const worker = new Worker(${JSON.stringify(GIVER(taker, end))}, { eval: true });
    worker.on('message', (it) => {
      if (it instanceof ArrayBuffer) received.push(new Uint8Array(it));
      else if (it.terminate) worker.terminate();
    });
    worker.on('exit', () => setTimeout(() => {
      const isW = (bytes) => bytes.subarray(0, 1000).every((byte) => byte === 87);
      const readable = received.every(isW);
      const arena = new Arena({ name: 'secret' });
      const views = [];
      for (const size of [1000, 65_536, 1_000_000, 5_000_000]) {
        for (let i = 0; i < 40; i++) views.push(arena.alloc(size, 'S'));
      }
      const wasSecret = !received.every(isW);
      for (const bytes of received) bytes.fill(88);
      const hits = views.filter((view) => view.includes(88)).length;
      console.log(JSON.stringify({
        readable, wasSecret, hits,
        givenAway: heapStats().totals.bytes.givenAway,
        sizes: received.map((bytes) => bytes.length),
      }));
    }, 50));`,
    { nodeArguments: ['--expose-gc'], env: { HAKMEM_SUPERSLAB_TTL_SEC: '0' } },
  );
}

describe.each(TAKERS.filter((taker) => HAS_TRANSFER || taker !== 'transfer'))(
  'memory taken by %s and sent to another thread',
  (taker) => {
    test.each(ENDS)('is its receiver`s alone when %s', async (_name, end) => {
      const report = await run(taker, end);
      expect(report.sizes).toHaveLength(4);
      expect(report).toMatchObject({ readable: true, wasSecret: false, hits: 0 });
      // On WebAssembly it is not the arena's any more.
      if (!IS_WASM) expect(report.givenAway).toBe((1 + 1 + 16 + 80) * 65_536);
    });
  },
);

test('what a worker did not give away is back in circulation when it has ended', async () => {
  const report = await resultOf<{ committed: number; mapped: number }>(`
    const { Worker } = require('node:worker_threads');
    const { once } = require('node:events');
    const { heapStats } = require('hakmem-arena');
    const source = \`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      for (let i = 0; i < 20; i++) { arena.alloc(1000); arena.alloc(100_000); }
      arena.alloc(5_000_000);\`;
    (async () => {
      for (let i = 0; i < 10; i++) await once(new Worker(source, { eval: true }), 'exit');
      const { committed, mapped } = heapStats().totals.bytes;
      console.log(JSON.stringify({ committed, mapped }));
    })();`);
  expect(report.committed).toBe(0);
  expect(report.mapped).toBeLessThan(40 * 1024 * 1024);
});

test('what comes back is used again, and what is away is nobody`s meanwhile', async () => {
  const report = await resultOf<{ during: number; shared: boolean; after: number }>(
    `
    const { Arena, heapStats } = require('hakmem-arena');
    const arena = new Arena();
    const neighbours = Array.from({ length: 20 }, () => arena.alloc(1000, 1));
    let stream = new ReadableStream({ type: 'bytes' }).getReader({ mode: 'byob' });
    let pending = stream.read(neighbours[0]);
    for (const view of neighbours.slice(1)) arena.free(view);
    const views = Array.from({ length: 200 }, () => arena.alloc(1000, 2));
    const during = heapStats().totals.bytes.givenAway;
    const shared = new Set(views.map((view) => view.buffer)).has(neighbours[0].buffer);
    (async () => {
      stream = pending = undefined;
      for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
      console.log(JSON.stringify({ during, shared, after: heapStats().totals.bytes.givenAway }));
    })();`,
    { nodeArguments: ['--expose-gc'] },
  );
  expect(report).toEqual({ during: IS_WASM ? 0 : 65_536, shared: false, after: 0 });
});

/** Takes the ArrayBuffer of a view away, as every version of Node can, and gives back what has its bytes now. */
const TAKE_AWAY = `
  const takeAway = async (view) => {
    const pull = (controller) => controller.byobRequest.respond(controller.byobRequest.view.byteLength);
    const reader = new ReadableStream({ type: 'bytes', pull }).getReader({ mode: 'byob' });
    return new Uint8Array((await reader.read(view)).value.buffer);
  };`;

test('a trim leaves the bytes of what was taken away alone, though nobody has noticed yet', async () => {
  const report = await resultOf<{ isWhole: boolean }>(`
    const { Arena } = require('hakmem-arena');
    ${TAKE_AWAY}
    (async () => {
      const arena = new Arena();
      const views = Array.from({ length: 60 }, () => arena.alloc(1000));
      const taken = (await takeAway(views[0])).fill(7);
      for (const view of views.slice(1)) arena.free(view);
      arena.trim();
      console.log(JSON.stringify({ isWhole: taken.every((byte) => byte === 7) }));
    })();`);
  expect(report.isWhole).toBe(true);
});

test('a retained view that was taken away and then collected ends its arena, and no process', async () => {
  const report = await resultOf<{ arenas: number }>(
    `
    const { Arena, heapStats } = require('hakmem-arena');
    ${TAKE_AWAY}
    (async () => {
      const taken = [];
      await (async () => {
        const arena = new Arena({ leaks: 'all' });
        taken.push(await takeAway(arena.retain(arena.alloc(1000))));
        arena.destroy();
      })();
      for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
      taken.length = 0;
      for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
      console.log(JSON.stringify({ arenas: heapStats().arenas.length }));
    })();`,
    { nodeArguments: ['--expose-gc'] },
  );
  expect(report.arenas).toBe(0);
});
