/**
 * Buffers between threads: whoever ends, and however, nobody loses bytes and nothing is lost.
 */
import { describe, expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf, runFile, runScript } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

/** Both at full scale in tools/test/full.mjs. */
const HAND_OVERS = process.env['LETTERS_HAND_OVERS'] ?? '8000';
const WORKERS = process.env['LETTERS_WORKERS'] ?? '10';
const SOAK_MS = 60_000 + Number(HAND_OVERS) / 5 + Number(WORKERS) * 1000;

const HAS_TRANSFER = 'transfer' in ArrayBuffer.prototype;

/** Ways in which a worker ends. */
const ENDS: readonly (readonly [string, string])[] = [
  ['by itself', ''],
  ['because it is terminated', 'parentPort.postMessage("end"); setInterval(() => {}, 1000);'],
  ['in a loop that is terminated', 'parentPort.postMessage("end"); for (;;) work();'],
  ['by process.exit', 'process.exit(3);'],
  ['by an error', 'setTimeout(() => { throw new Error("on purpose"); });'],
];

const IN_WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Arena, adopt, release } = require('hakmem-arena');`;

const IN_MAIN = `
  const { Worker } = require('node:worker_threads');
  const { once } = require('node:events');
  const { setTimeout: sleep } = require('node:timers/promises');
  const { Arena, adopt, heapStats, release } = require('hakmem-arena');
  const SIZES = [100, 5000, 65_536, 300_000, 3_000_000];
  const over = (worker) => new Promise((resolve) => {
    worker.on('error', () => {});
    worker.on('message', (it) => { if (it === 'end') setTimeout(() => worker.terminate(), 20); });
    worker.on('exit', resolve);
  });
  const isAll = (view, byte) => view.every((it) => it === byte);`;

describe.each(ENDS)('a worker that ends %s', (_name, end) => {
  test('gives back what it has adopted', async () => {
    const worker = `${IN_WORKER}
      const work = () => workerData.more.length > 0 && release(adopt(workerData.more.pop()));
      globalThis.kept = workerData.tickets.map((ticket) => adopt(ticket).fill(7));
      ${end}`;
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const arena = new Arena();
        const tickets = SIZES.map((size) => arena.share(arena.alloc(size)));
        const more = Array.from({ length: 5000 }, () => arena.share(arena.alloc(100)));
        await over(new Worker(${JSON.stringify(worker)}, { eval: true, workerData: { tickets, more } }));
        for (const ticket of more) { const view = arena.recall(ticket); if (view) arena.free(view); }
        const { away, adopted } = arena.stats().lending;
        arena.trim();
        console.log(JSON.stringify({ away, some: adopted >= 5, used: arena.stats().bytes.used }));
      })();`);
    expect(report).toEqual({ away: 0, some: true, used: 0 });
  });

  test('leaves the bytes that others have of its arena', async () => {
    const worker = `${IN_WORKER}
      const arena = new Arena({ name: 'worker' });
      const work = () => arena.free(arena.alloc(1000));
      parentPort.postMessage(workerData.map((size) => arena.share(arena.alloc(size, 5))));
      parentPort.postMessage(arena.share(arena.alloc(50)));
      parentPort.once('message', () => { ${end} });`;
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: SIZES });
        const adopted = [];
        let open;
        worker.on('message', (it) => {
          if (Array.isArray(it)) adopted.push(...it.map((ticket) => adopt(ticket)));
          else if (typeof it === 'number') { open = it; worker.postMessage('go on'); }
        });
        await over(worker);
        const wasWhole = adopted.every((view) => isAll(view, 5));
        const arena = new Arena({ name: 'main' });
        for (const size of SIZES) for (let i = 0; i < 30; i++) arena.alloc(size, 6);
        let code;
        try { adopt(open); } catch (error) { code = error.code; }
        const isWhole = adopted.every((view) => isAll(view, 5));
        const before = heapStats().arenas.map(({ name }) => name).sort();
        for (const view of adopted) release(view);
        console.log(JSON.stringify({ wasWhole, isWhole, code, count: adopted.length, before,
          after: heapStats().arenas.map(({ name }) => name) }));
      })();`);
    expect(report).toEqual({
      wasWhole: true,
      isWhole: true,
      code: 'ERR_HAKMEM_TICKET',
      count: 5,
      before: ['main', 'worker'],
      after: ['main'],
    });
  });
});

test(
  `${WORKERS} threads that hand over to each other and are terminated at random lose and spoil nothing`,
  async () => {
    // Fifty in a message, and as many in the answer.
    const each = Math.ceil(Number(HAND_OVERS) / Number(WORKERS) / 100);
    const args = [WORKERS, String(each)];
    const { stdout, stderr, exitCode } = await runFile('test/process/letters-soak.mjs', args, {
      timeoutMs: SOAK_MS,
    });
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      terminated: Number(WORKERS),
      spoiled: 0,
      away: 0,
      bytesAway: 0,
      used: 0,
      lost: [],
      differences: [],
      arenas: ['main'],
    });
    const { offered, taken } = report as Record<'offered' | 'taken', number>;
    expect(offered + taken).toBeGreaterThanOrEqual(Number(HAND_OVERS));
  },
  SOAK_MS,
);

test('a thread that hands on what it got, and is terminated at random, loses and spoils nothing', async () => {
  const { stdout, stderr } = await runFile('test/process/relay-soak.mjs', ['10', '300']);
  expect(stderr).toBe('');
  const { received, lost, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
  expect([received, lost]).toEqual([expect.any(Number), expect.any(Number)]);
  expect(rest).toEqual({
    spoiled: 0,
    disorder: 0,
    away: 0,
    used: 0,
    differences: [],
    arenas: ['main'],
  });
});

test('the engine`s account of memory is what it was, and the process ends well', async () => {
  const report = await resultOf<{ grown: number; all: number; collections: number }>(
    `${IN_MAIN}
    (async () => {
      const { PerformanceObserver } = require('node:perf_hooks');
      const arena = new Arena();
      let collections = 0;
      new PerformanceObserver((list) => {
        for (const { detail } of list.getEntries()) collections += detail.kind === 4 ? 1 : 0;
      }).observe({ entryTypes: ['gc'] });
      const round = async () => {
        for (let i = 0; i < 2000; i++) release(adopt(arena.share(arena.allocUnsafe(SIZES[i % 5]))));
        await sleep(1);
        gc();
        await sleep(1);
      };
      const { external } = process.memoryUsage();
      await round();
      const before = process.memoryUsage().external;
      for (let i = 0; i < 5; i++) await round();
      globalThis.kept = SIZES.map((size) => adopt(arena.share(arena.alloc(size))));
      const now = process.memoryUsage().external;
      console.log(JSON.stringify({ grown: now - before, all: now - external, collections }));
    })();`,
    { nodeArguments: ['--expose-gc'] },
  );
  const held = 100 + 5000 + 65_536 + 300_000 + 3_000_000;
  // ArrayBuffers of what was adopted before may serve again.
  expect(report.all).toBeGreaterThanOrEqual(held - 65_536);
  expect(report.grown).toBeLessThan(held + 16 * 65_536);
});

test('adoptions that are released make no garbage', async () => {
  const grown = await resultOf<number>(`${IN_MAIN}
    const arena = new Arena();
    const round = (count) => {
      for (let i = 0; i < count; i++) {
        const buffer = adopt(arena.share(arena.alloc(5000)));
        const bytes = new Uint8Array(buffer.buffer);
        release(buffer);
        if (buffer.length + bytes.length > 0) throw new Error('still attached');
      }
    };
    round(1000);
    const before = process.memoryUsage().rss;
    round(200_000);
    console.log(process.memoryUsage().rss - before);`);
  // Node frees what it has of an ArrayBuffer in a later turn: half a kilobyte for each.
  expect(grown).toBeLessThan(30 * 1024 * 1024);
});

test.each(['', 'process.exit(0);', 'arena.destroy();', 'arena.reset();'])(
  'a process may end while Buffers are away (%s)',
  async (end) => {
    const { exitCode, signal, stderr } = await runScript(`${IN_MAIN}
      const arena = new Arena();
      const kept = SIZES.map((size) => adopt(arena.share(arena.alloc(size))));
      const open = SIZES.map((size) => arena.share(arena.alloc(size)));
      ${end}`);
    expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: null, stderr: '' });
  },
);

describe('an adopted Buffer whose ArrayBuffer was taken away', () => {
  const TAKE = `
    const take = async (view) => {
      if (${HAS_TRANSFER}) return new Uint8Array(view.buffer.transfer());
      const pull = ({ byobRequest }) => byobRequest.respond(byobRequest.view.byteLength);
      const reader = new ReadableStream({ type: 'bytes', pull }).getReader({ mode: 'byob' });
      return (await reader.read(view)).value;
    };`;

  test('keeps its memory until nobody has it, released or not', async () => {
    const report = await resultOf<object>(
      `${IN_MAIN} ${TAKE}
      (async () => {
        const arena = new Arena();
        const views = [1, 2].map((byte) => adopt(arena.share(arena.alloc(1000, byte))));
        let taken = [await take(views[0]), await take(views[1])];
        release(views[0]);
        const during = arena.stats().lending.away;
        for (let i = 0; i < 100; i++) arena.alloc(1000, 9);
        const isWhole = isAll(taken[0], 1) && isAll(taken[1], 2);
        taken = undefined;
        for (let i = 0; i < 5; i++) { gc(); await sleep(1); }
        console.log(JSON.stringify({ during, isWhole, after: arena.stats().lending.away }));
      })();`,
      { nodeArguments: ['--expose-gc'] },
    );
    expect(report).toEqual({ during: 2, isWhole: true, after: 0 });
  });

  test('keeps it for its receiver, when the thread that adopted it has ended', async () => {
    const worker = `${IN_WORKER} ${TAKE}
      (async () => {
        const bytes = await take(adopt(workerData));
        parentPort.postMessage(bytes.buffer, [bytes.buffer]);
      })();`;
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const arena = new Arena();
        const ticket = arena.share(arena.alloc(1000, 4));
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: ticket });
        let received;
        worker.on('message', (it) => { received = new Uint8Array(it); });
        await over(worker);
        const views = Array.from({ length: 200 }, () => arena.alloc(1000, 9));
        const isWhole = isAll(received, 4);
        received.fill(5);
        const hits = views.filter((view) => !isAll(view, 9)).length;
        arena.destroy();
        const other = new Arena();
        for (let i = 0; i < 200; i++) other.alloc(1000, 8);
        console.log(JSON.stringify({ isWhole, hits, stays: isAll(received, 5) }));
      })();`);
    expect(report).toEqual({ isWhole: true, hits: 0, stays: true });
  });
});

test('a worker adopts what another worker shares, and both may be gone before it is released', async () => {
  const lender = `${IN_WORKER}
    const arena = new Arena();
    parentPort.postMessage(arena.share(arena.alloc(5000, 3)));
    // Its end would revoke what is not adopted yet.
    parentPort.once('message', () => parentPort.close());`;
  const report = await resultOf<object>(`${IN_MAIN}
    (async () => {
      const worker = new Worker(${JSON.stringify(lender)}, { eval: true });
      const adopted = await new Promise((resolve) => worker.once('message', (it) => resolve(adopt(it))));
      worker.postMessage('adopted');
      await over(worker);
      const isWhole = isAll(adopted, 3);
      const arenas = heapStats().arenas.length;
      release(adopted);
      console.log(JSON.stringify({ isWhole, arenas, after: heapStats().arenas.length }));
    })();`);
  expect(report).toEqual({ isWhole: true, arenas: 1, after: 0 });
});
