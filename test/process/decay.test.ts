/**
 * Memory that nobody needs goes back by itself: the real timer, the real clock, the memory of the process.
 */
import { describe, expect, test } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf, runScript } from '../unit/support/child';

const MIB = 1024 * 1024;
/** Of other systems the resident set is not known as exactly. */
const decays = onlyNative('pages are the business of the engine');
const linux = process.platform === 'linux' ? decays : test.skip;

/** 300 MB of Buffers of mixed lengths, all touched, in `list`. */
const BURST = `
  const { Arena } = require('hakmem-arena');
  const rss = () => { gc(); return process.memoryUsage.rss(); };
  let seed = 1;
  const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const start = rss();
  const arena = new Arena();
  const list = [];
  for (let bytes = 0; bytes < 300e6; bytes += list.at(-1).length) {
    list.push(arena.allocUnsafe(64 + Math.floor(random() ** 3 * 40_000)).fill(1));
  }
  const peak = rss();`;

/** Ends after 5 s with what the process had in between; every object but those kept is free by then. */
function burst(
  keepOneIn: number,
  traffic: string,
): Promise<Record<'start' | 'peak' | 'end' | 'live', number>> {
  return resultOf(
    `${BURST}
    const kept = [];
    list.forEach((view, i) => {
      if (i % ${keepOneIn} === 0) kept.push(view);
      else arena.free(view);
    });
    list.length = 0;
    ${traffic}
    setTimeout(() => {
      const { live } = arena.stats().bytes;
      console.log(JSON.stringify({ start, peak, end: rss(), live }));
      process.exit();
    }, 5000);`,
    { nodeArguments: ['--expose-gc'] },
  );
}

const LIGHT_TRAFFIC = `
  let n = 0;
  const ring = [];
  setInterval(() => {
    for (let i = 0; i < 200; i++, n++) {
      ring.push(arena.allocUnsafe(64 + ((n * 7919) % 20_000)));
      if (ring.length > 100) arena.free(ring.shift());
    }
  }, 10);`;

describe('a burst of 300 MB that was freed is gone after 5 s', () => {
  linux.each([
    ['without any traffic', 0, ''],
    ['with light traffic', 0, LIGHT_TRAFFIC],
    ['with one Buffer in 20 that stays', 20, ''],
    ['with one Buffer in 20 that stays, and light traffic', 20, LIGHT_TRAFFIC],
  ])('%s', async (_name, keepOneIn, traffic) => {
    const { start, peak, end, live } = await burst(keepOneIn, traffic);
    expect(peak - start).toBeGreaterThan(280 * MIB);
    // The aim is 30 MB; with light traffic Node 26 ends up to 5 MB above that.
    expect(end).toBeLessThan(1.15 * (start + live) + 40 * MIB);
  });

  linux('but for what is needed again and again', async () => {
    // 40 MB that come and go twice a second.
    const { decay, faults } = await resultOf<{ decay: number; faults: number }>(`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const round = () => {
        const list = Array.from({ length: 4000 }, (_, i) => arena.allocUnsafe(9000 + i).fill(1));
        for (const view of list) arena.free(view);
      };
      round();
      const timer = setInterval(round, 500);
      let before;
      setTimeout(() => (before = arena.stats().decay), 2500);
      setTimeout(() => {
        const { decayedBytes, retakenBytes } = arena.stats().decay;
        clearInterval(timer);
        console.log(JSON.stringify({ decay: decayedBytes - before.decayedBytes, faults: retakenBytes - before.retakenBytes }));
      }, 6000);`);
    expect(decay).toBeLessThan(MIB);
    expect(faults).toBeLessThan(MIB);
  });
});

describe('large Buffers that were freed', () => {
  linux('give their pages back where they are, and are handed out again', async () => {
    const result = await resultOf<{ start: number; peak: number; end: number; isSame: boolean }>(
      `const { Arena } = require('hakmem-arena');
      const rss = () => process.memoryUsage.rss();
      const start = rss();
      const arena = new Arena({ purgeDelayMs: 400 });
      const list = Array.from({ length: 60 }, (_, i) => arena.allocUnsafe(1e6 + 1e5 * i).fill(1));
      const peak = rss();
      const buffer = list.at(-1).buffer;
      for (const view of list) arena.free(view);
      setTimeout(() => {
        const end = rss();
        const isSame = arena.allocUnsafe(list.at(-1).length).buffer === buffer;
        console.log(JSON.stringify({ start, peak, end, isSame }));
      }, 2500);`,
    );
    expect(result.peak - result.start).toBeGreaterThan(200 * MIB);
    expect(result.end - result.start).toBeLessThan(20 * MIB);
    expect(result.isSame).toBe(true);
  });
});

describe('the purge delay', () => {
  interface After {
    /** Bytes of the arena's SuperSlabs when all is free. Those that emptied are in the cache by then, and purged there. */
    readonly held: number;
    /** Bytes that have gone by themselves, those of SuperSlabs that emptied meanwhile included. */
    readonly decayed: number;
    /** Bytes of empty spans that their class keeps. */
    readonly kept: number;
    /** Bytes that a trim finds then. */
    readonly trimmed: number;
  }

  const after = (options: string, env: Record<string, string> = {}): Promise<After> =>
    resultOf(
      `const { Arena } = require('hakmem-arena');
      const arena = new Arena(${options});
      const list = Array.from({ length: 1000 }, () => arena.allocUnsafe(20_000).fill(1));
      for (const view of list) arena.free(view);
      const held = arena.stats().bytes.committed;
      setTimeout(() => {
        const { bytes, decay, classes } = arena.stats();
        const decayed = decay.decayedBytes + held - bytes.committed;
        const kept = 65_536 * classes.reduce((sum, { slabs }) => sum + slabs, 0);
        console.log(JSON.stringify({ held, decayed, kept, trimmed: arena.trim() }));
      }, 1000);`,
      { env },
    );

  /**
   * Of 20 MB in spans of 256 KB, 4 of 10 SuperSlabs die with their last block, and 2 more when the front gives up its
   * views; the pages of the others that were ever touched decay. A trim then retires the spans that the class keeps,
   * 2 MB. Their pages are gone, but JavaScript has seen them and may have written to them since, so they are given back, and counted, once
   * more; the resident set stays as it was.
   */
  function expectAll({ held, decayed, kept, trimmed }: After): void {
    expect(decayed).toBeGreaterThan(0.8 * held);
    expect(trimmed).toBeLessThanOrEqual(kept);
  }

  function expectNothing({ held, decayed, trimmed }: After): void {
    expect(decayed).toBe(0);
    expect(trimmed).toBeGreaterThan(0.8 * held);
  }

  decays('of 0 gives back at once, and of -1 never', async () => {
    expectAll(await after('{ purgeDelayMs: 0 }'));
    expectNothing(await after('{ purgeDelayMs: -1 }'));
  });

  decays('of the process is that of arenas without one', async () => {
    expectAll(await after('', { HAKMEM_PURGE_DELAY_MS: '0' }));
    expectNothing(await after('', { HAKMEM_PURGE_DELAY_MS: '-1' }));
    expectAll(await after('{ purgeDelayMs: 0 }', { HAKMEM_PURGE_DELAY_MS: '-1' }));
  });
});

describe('the timer', () => {
  /** Something that waits for a minute. */
  const WAITS = `
    const { Arena } = require('hakmem-arena');
    const arena = new Arena({ purgeDelayMs: 60_000 });
    const list = Array.from({ length: 1000 }, () => arena.allocUnsafe(20_000).fill(1));
    for (const view of list) arena.free(view);`;

  test('keeps no process alive', async () => {
    const { exitCode } = await runScript(WAITS, { timeoutMs: 20_000 });
    expect(exitCode).toBe(0);
  });

  test('keeps no worker alive', async () => {
    const { exitCode } = await runScript(
      `const { Worker } = require('node:worker_threads');
      new Worker(${JSON.stringify(WAITS)}, { eval: true });`,
      { timeoutMs: 20_000 },
    );
    expect(exitCode).toBe(0);
  });

  test('keeps no arena alive', async () => {
    const names = await resultOf<string[]>(
      `const { Arena, heapStats } = require('hakmem-arena');
      (() => {
        const arena = new Arena({ name: 'lost' });
        for (const view of Array.from({ length: 1000 }, () => arena.allocUnsafe(20_000))) arena.free(view);
      })();
      let turns = 0;
      const timer = setInterval(() => {
        gc();
        const names = heapStats().arenas.map(({ name }) => name);
        if (names.length > 0 && ++turns < 100) return;
        clearInterval(timer);
        console.log(JSON.stringify(names));
      }, 50);`,
      { nodeArguments: ['--expose-gc'] },
    );
    expect(names).toEqual([]);
  });

  test('is there while something waits, and only then', async () => {
    const [busy, quiet] = await resultOf<[number, number]>(`
      const { createHook } = require('node:async_hooks');
      let timers = 0;
      createHook({ init: (_id, type) => (timers += type === 'Timeout' ? 1 : 0) }).enable();
      process.env.HAKMEM_SUPERSLAB_TTL_SEC = '1';
      const { Arena } = require('hakmem-arena');
      const arena = new Arena({ purgeDelayMs: 400 });
      const list = Array.from({ length: 1000 }, () => arena.allocUnsafe(20_000).fill(1));
      for (const view of list) arena.free(view);
      let busy;
      setTimeout(() => { busy = timers; timers = 0; }, 300);
      setTimeout(() => { timers = 0; }, 4000);
      setTimeout(() => console.log(JSON.stringify([busy, timers])), 6000);`);
    expect(busy).toBeGreaterThan(3);
    expect(quiet).toBe(0);
  });

  test('begins in no asynchronous context of the program', async () => {
    const result = await resultOf<string>(`
      const { AsyncLocalStorage, createHook } = require('node:async_hooks');
      const storage = new AsyncLocalStorage();
      const seen = new Set();
      const { Arena } = require('hakmem-arena');
      createHook({ init: (_id, type) => type === 'Timeout' && seen.add(storage.getStore()) }).enable();
      storage.run('a request', () => {
        const arena = new Arena({ purgeDelayMs: 100 });
        arena.free(arena.allocUnsafe(20_000));
      });
      const end = Date.now() + 300;
      setImmediate(function wait() {
        if (Date.now() < end) setImmediate(wait);
        else console.log(JSON.stringify([...seen].map(String).join()));
      });`);
    expect(result).toBe('undefined');
  });
});

describe('a program that replaces timers', () => {
  decays('does not stop it', async () => {
    const { held, decayed } = await resultOf<{ held: number; decayed: number }>(`
      const timers = require('node:timers');
      const { Arena } = require('hakmem-arena');
      const { setTimeout: real } = timers;
      for (const each of [globalThis, timers]) {
        each.setTimeout = each.setInterval = each.queueMicrotask = () => { throw new Error('fake'); };
      }
      performance.now = () => 0;
      const arena = new Arena({ purgeDelayMs: 0 });
      const list = Array.from({ length: 1000 }, () => arena.allocUnsafe(20_000).fill(1));
      for (const view of list) arena.free(view);
      const held = arena.stats().bytes.committed;
      real(() => {
        const { bytes, decay } = arena.stats();
        console.log(JSON.stringify({ held, decayed: decay.decayedBytes + held - bytes.committed }));
      }, 1000);`);
    expect(decayed).toBeGreaterThan(0.8 * held);
  });
});

describe('slabs whose ArrayBuffer somebody has taken away', () => {
  test('keep the bytes of their new owner', async () => {
    const isWhole = await resultOf<boolean>(`
      const { Arena } = require('hakmem-arena');
      process.removeAllListeners('warning');
      process.on('warning', () => {});
      const arena = new Arena({ purgeDelayMs: 0 });
      const list = Array.from({ length: 200 }, () => arena.allocUnsafe(30_000).fill(7));
      const taken = list.map((view) => view.buffer).filter((buffer, i, all) => all.indexOf(buffer) === i);
      const theirs = taken.map((buffer) =>
        buffer.transfer === undefined ? structuredClone(buffer, { transfer: [buffer] }) : buffer.transfer());
      const copies = theirs.map((buffer) => Buffer.from(new Uint8Array(buffer)));
      for (const view of list) arena.free(view);
      arena.free(arena.allocUnsafe(30_000));
      setTimeout(() => {
        console.log(theirs.every((buffer, i) => copies[i].equals(new Uint8Array(buffer))));
      }, 1000);`);
    expect(isWhole).toBe(true);
  });
});
