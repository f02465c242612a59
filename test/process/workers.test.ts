import { describe, expect, test } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf, runScript } from '../unit/support/child';

describe('two workers with arenas of their own', () => {
  interface Row {
    readonly name: string;
    readonly allocs: number;
    readonly liveBytes: number;
  }
  interface Report {
    readonly during: readonly Row[];
    readonly totalLive: number;
    readonly sumLive: number;
    readonly after: readonly string[];
    readonly messages: readonly { id: number; text: string }[];
  }

  onlyNative('it knows of no other thread')(
    'are seen by the main thread, and gone when they end',
    async () => {
      const report = await resultOf<Report>(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      const { Arena, heapStats } = require('hakmem-arena');
      const source = \`
        const { parentPort, workerData } = require('node:worker_threads');
        const { Arena } = require('hakmem-arena');
        const arena = new Arena({ name: workerData.name });
        const views = [];
        for (let i = 0; i < workerData.count; i++) views.push(arena.alloc(1000, 7));
        for (const view of views.slice(10)) arena.free(view);
        parentPort.postMessage({ id: arena.id, text: arena.from('from ' + workerData.name).toString() });
        parentPort.once('message', () => {
          const whole = views.slice(0, 10).every((view) => view.equals(Buffer.alloc(1000, 7)));
          if (!whole) throw new Error('bytes changed');
        });
      \`;
      const rows = () => heapStats().arenas.map(({ name, classes }) => ({
        name,
        allocs: classes.reduce((sum, row) => sum + row.allocs, 0),
        liveBytes: classes.reduce((sum, row) => sum + row.liveBytes, 0),
      }));
      (async () => {
        const own = new Arena({ name: 'main' });
        own.alloc(500);
        const workers = [['a', 3000], ['b', 5000]].map(([name, count]) =>
          new Worker(source, { eval: true, workerData: { name, count } }));
        const messages = (await Promise.all(workers.map((it) => once(it, 'message')))).flat();
        const heap = heapStats();
        const during = rows();
        for (const worker of workers) worker.postMessage('end');
        await Promise.all(workers.map((it) => once(it, 'exit')));
        console.log(JSON.stringify({
          during,
          messages,
          totalLive: heap.totals.bytes.live,
          sumLive: heap.arenas.reduce((sum, { bytes }) => sum + bytes.live, 0),
          after: heapStats().arenas.map(({ name }) => name),
        }));
      })();`);
      const byName = Object.fromEntries(report.during.map((row) => [row.name, row]));
      expect(byName).toMatchObject({
        main: { allocs: 1, liveBytes: 500 },
        a: { allocs: 3001, liveBytes: 10_006 },
        b: { allocs: 5001, liveBytes: 10_006 },
      });
      expect(report.totalLive).toBe(report.sumLive);
      expect(report.after).toEqual(['main']);
      expect(new Set(report.messages.map(({ id }) => id)).size).toBe(2);
      expect(report.messages.map(({ text }) => text).sort()).toEqual(['from a', 'from b']);
    },
  );

  test('may create and destroy at the same time as others read', async () => {
    const problems = await resultOf<number>(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      const { Arena, heapStats } = require('hakmem-arena');
      const source = \`
        const { Arena, heapStats } = require('hakmem-arena');
        for (let i = 0; i < 150; i++) {
          const arena = new Arena();
          for (const size of [64, 1000, 40_000, 200_000]) arena.free(arena.allocUnsafe(size));
          arena.alloc(3000);
          if (heapStats().arenas.length < 1) process.exit(9);
          arena.destroy();
        }
      \`;
      (async () => {
        const workers = Array.from({ length: 3 }, () => new Worker(source, { eval: true }));
        let running = workers.length;
        const ends = workers.map((it) => once(it, 'exit').then(([code]) => (running--, code)));
        let problems = 0;
        while (running > 0) {
          for (const { classes } of heapStats().arenas) {
            for (const row of classes) if (row.frees > row.allocs) problems++;
          }
          await new Promise(setImmediate);
        }
        for (const code of await Promise.all(ends)) if (code !== 0) problems++;
        if (heapStats().arenas.length !== 0) problems++;
        console.log(problems);
      })();`);
    expect(problems).toBe(0);
  });
});

describe('a message with a Buffer of an arena', () => {
  test('arrives in a worker as a copy', async () => {
    const text = await resultOf<string>(`
      const { Worker } = require('node:worker_threads');
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const view = arena.from('over the fence');
      const worker = new Worker(
        "const { parentPort } = require('node:worker_threads');" +
        "parentPort.once('message', (it) => parentPort.postMessage(Buffer.from(it).toString()));",
        { eval: true });
      worker.postMessage(view);
      view.fill(0);
      worker.once('message', (text) => console.log(JSON.stringify(text)));`);
    expect(text).toBe('over the fence');
  });
});

describe('workers terminated while they allocate', () => {
  interface Report {
    readonly arenas: number;
    readonly committed: number;
    /**
     * Mapped bytes when half of the workers, and all of them, were gone. Without the cache, which has limits of its own:
     * what JavaScript has seen a moment ago rests there, and does not serve everybody yet.
     */
    readonly half: number;
    readonly all: number;
    readonly alive: boolean;
  }

  /** A tenth of those that fill and reset an arena are in the middle of a reset that moves some of its slabs. */
  const COUNT = 60;
  const SUPERSLAB_BYTES = 2 * 1024 * 1024;

  const killing = (loop: string): string => `
    const { Worker } = require('node:worker_threads');
    const { once } = require('node:events');
    const { Arena, heapStats } = require('hakmem-arena');
    const source = \`
      const { parentPort, workerData } = require('node:worker_threads');
      const { Arena } = require('hakmem-arena');
      // With other external memory about, V8 accounts for slabs in another way.
      const ballast = Buffer.alloc(workerData.ballastBytes);
      let told = false;
      const tell = () => { if (!told) parentPort.postMessage('going'); told = true; };
      ${loop}
    \`;
    const killOne = async (i) => {
      const workerData = { ballastBytes: i % 4 < 2 ? 0 : 16 * 1024 * 1024 };
      const worker = new Worker(source, { eval: true, workerData });
      await once(worker, 'message');
      if (i % 3 === 1) await new Promise((resolve) => setTimeout(resolve, i % 5));
      await worker.terminate();
    };
    (async () => {
      const own = new Arena();
      const view = own.alloc(1000, 3);
      const kept = [];
      for (let half = 0; half < 2; half++) {
        for (let i = 0; i < ${COUNT / 2}; i += 2) await Promise.all([killOne(i), killOne(i + 1)]);
        const { mapped, cached } = heapStats().totals.bytes;
        kept.push(mapped - cached);
      }
      const { arenas, totals } = heapStats();
      console.log(JSON.stringify({
        arenas: arenas.length,
        committed: totals.bytes.committed,
        half: kept[0],
        all: kept[1],
        alive: view.equals(Buffer.alloc(1000, 3)) && own.alloc(10).length === 10,
      }));
    })();`;

  test.each([
    [
      'in one arena',
      `const arena = new Arena();
       const held = [];
       for (let i = 0; ; i++) {
         held.push(arena.allocUnsafe(1 + (i * 37) % 3000));
         if (held.length > 500) arena.free(held.shift());
         if (i > 2000) tell();
       }`,
    ],
    [
      'in arenas they create and destroy',
      `for (let i = 0; ; i++) {
         const arena = new Arena();
         for (let k = 0; k < 50; k++) arena.alloc(1 + k * 1000);
         arena.allocTyped(Float64Array, 50_000);
         if (i % 2 === 0) arena.destroy();
         else arena.reset();
         if (i > 10) tell();
       }`,
    ],
    [
      'in scopes, with trims',
      `const arena = new Arena();
       for (let i = 0; ; i++) {
         arena.scope((scope) => { for (let k = 1; k < 100; k++) scope.alloc(k * 100); });
         if (i % 10 === 0) arena.trim();
         if (i > 20) tell();
       }`,
    ],
    [
      'in an arena of many slabs that they reset',
      `const arena = new Arena();
       for (let i = 0; ; i++) {
         for (let k = 0; k < 9; k++) arena.allocUnsafe(65_536);
         arena.reset();
         if (i > 20) tell();
       }`,
    ],
  ])('%s give their SuperSlabs back', async (_name, loop) => {
    const report = await resultOf<Report>(killing(loop));
    expect(report).toMatchObject({ arenas: 1, committed: SUPERSLAB_BYTES, alive: true });
    // What the first half needed serves the second: not even one of its SuperSlabs is missing.
    expect(report.all).toBeLessThan(report.half + SUPERSLAB_BYTES);
  });

  test('or throw, or exit, end as cleanly', async () => {
    for (const end of ["throw new Error('mine')", 'process.exit(3)', 'arena.destroy()', '']) {
      const { exitCode, stdout, stderr } = await runScript(`
        const { Worker } = require('node:worker_threads');
        const { heapStats } = require('hakmem-arena');
        const worker = new Worker(\`
          const { Arena } = require('hakmem-arena');
          const arena = new Arena();
          arena.scope((scope) => { scope.alloc(100_000); arena.alloc(10); ${end}; });
        \`, { eval: true });
        worker.on('error', () => {});
        worker.on('exit', () => console.log(heapStats().arenas.length));`);
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '0\n', stderr: '' });
    }
  });
});
