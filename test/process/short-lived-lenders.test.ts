/**
 * Short-lived lenders: an arena that ends while others have blocks of it, and the arenas that come after it. What is away
 * is nobody else's, however often the rest of the arena is used again.
 */
import { describe, expect } from '@jest/globals';
import { Arena, adopt, heapStats, release } from '../../lib/index';
import { onlyNative } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

const SIZES = [100, 5000, 65_536, 300_000, 3_000_000];

/** A few arenas, one after the other, each of which writes wherever it can. */
function fillArenas(size: number): void {
  for (let i = 0; i < 8; i++) {
    const arena = new Arena();
    for (const each of [64, size]) Buffer.from(arena.allocUnsafe(each).buffer).fill(0xee);
    arena.destroy();
  }
}

const isAll = (view: Buffer, byte: number): boolean => view.every((it) => it === byte);

describe.each(SIZES)('a Buffer of %i bytes whose arena was destroyed', (size) => {
  test('is left alone by the arenas that follow', () => {
    const kept: Buffer[] = [];
    for (let i = 1; i <= 10; i++) {
      const arena = new Arena({ name: 'request' });
      arena.alloc(64, 1);
      kept.push(adopt(arena.share(arena.alloc(size, i))));
      arena.destroy();
      fillArenas(size);
    }
    kept.forEach((view, i) => expect(isAll(view, i + 1)).toBe(true));
    const names = (): string[] => heapStats().arenas.map(({ name }) => name);
    expect(names().filter((name) => name === 'request')).toHaveLength(10);
    for (const view of kept) release(view);
    expect(names()).not.toContain('request');
    for (const view of kept) expect([view.length, view.buffer.byteLength]).toEqual([0, 0]);
  });

  test('is left alone by a reset, and by what fills the arena then', () => {
    const arena = new Arena();
    for (let i = 1; i <= 10; i++) {
      const kept = adopt(arena.share(arena.alloc(size, i)));
      arena.reset();
      Buffer.from(arena.allocUnsafe(size).buffer).fill(0xee);
      arena.reset();
      expect(isAll(kept, i)).toBe(true);
      release(kept);
    }
    arena.destroy();
  });

  test('shows nothing of what it was to the next arenas when it was released', () => {
    for (let i = 0; i < 10; i++) {
      const arena = new Arena();
      const kept = adopt(arena.share(arena.alloc(size, 0xaa)));
      arena.destroy();
      kept.fill(0xbb);
      release(kept);
      const next = new Arena();
      const slab = Buffer.from(next.allocUnsafe(size).buffer);
      expect(slab.includes(0xaa) || slab.includes(0xbb)).toBe(false);
      next.destroy();
    }
  });
});

test('a ticket of an arena that has ended adopts nothing of the next one', () => {
  for (let i = 0; i < 20; i++) {
    const arena = new Arena();
    const ticket = arena.share(arena.alloc(100));
    arena.destroy();
    const next = new Arena();
    const others = next.share(next.alloc(100, 3));
    expect(() => adopt(ticket)).toThrow(expect.objectContaining({ code: 'ERR_HAKMEM_TICKET' }));
    expect(() => arena.recall(ticket)).toThrow(
      expect.objectContaining({ code: 'ERR_HAKMEM_ARENA_DESTROYED' }),
    );
    expect(next.recall(others)).toHaveLength(100);
    expect(next.stats().lending).toMatchObject({ offered: 1, away: 0 });
    next.destroy();
  }
});

const BORROWER = `
  const { parentPort } = require('node:worker_threads');
  const { adopt, release } = require('hakmem-arena');
  const kept = new Map();
  parentPort.on('message', ({ ticket, byte, end }) => {
    if (ticket !== undefined) kept.set(byte, adopt(ticket));
    else {
      const wrong = [...kept].filter(([byte, view]) => !view.every((it) => it === byte)).length;
      if (end === 'release') for (const view of kept.values()) release(view.fill(0xbb));
      parentPort.postMessage(wrong);
    }
    parentPort.postMessage('done');
  });`;

const LENDER = `
  const { Worker } = require('node:worker_threads');
  const { once } = require('node:events');
  const { Arena, heapStats } = require('hakmem-arena');
  const SIZES = ${JSON.stringify(SIZES)};
  const fillArenas = () => {
    for (let k = 0; k < 4; k++) {
      const arena = new Arena();
      for (const size of SIZES) Buffer.from(arena.allocUnsafe(size).buffer).fill(0xee);
      arena.destroy();
    }
  };
  const lend = async (worker, count) => {
    for (let i = 1; i <= count; i++) {
      const arena = new Arena({ name: 'request' });
      worker.postMessage({ ticket: arena.share(arena.alloc(SIZES[i % SIZES.length], i)), byte: i });
      await once(worker, 'message');
      arena.destroy();
      fillArenas();
    }
  };
  const requests = () => heapStats().arenas.filter(({ name }) => name === 'request').length;`;

describe('a worker that has adopted from arenas that were destroyed', () => {
  test.each(['release', 'terminate'])('keeps their bytes until it ends (%s)', async (end) => {
    const report = await resultOf<object>(`${LENDER}
      (async () => {
        const worker = new Worker(${JSON.stringify(BORROWER)}, { eval: true });
        await lend(worker, 40);
        const before = requests();
        worker.postMessage({ end: ${JSON.stringify(end)} });
        const [wrong] = await once(worker, 'message');
        await worker.terminate();
        fillArenas();
        console.log(JSON.stringify({ wrong, before, after: requests() }));
      })();`);
    expect(report).toEqual({ wrong: 0, before: 40, after: 0 });
  });

  test('leaves nothing in memory that serves again after quarantine', async () => {
    const report = await resultOf<{ adopted: number; dirty: number }>(`${LENDER}
      (async () => {
        const worker = new Worker(${JSON.stringify(BORROWER)}, { eval: true });
        await lend(worker, 40);
        worker.postMessage({ end: 'release' });
        await once(worker, 'message');
        await worker.terminate();
        await new Promise((resolve) => setTimeout(resolve, 10_500));
        let dirty = 0;
        const arenas = Array.from({ length: 60 }, () => new Arena());
        for (const arena of arenas) {
          for (const size of SIZES) {
            if (Buffer.from(arena.allocUnsafe(size).buffer).some((byte) => byte !== 0)) dirty++;
          }
        }
        const adopted = heapStats().totals.superslabs.adopted;
        console.log(JSON.stringify({ adopted, dirty }));
      })();`);
    expect(report.dirty).toBe(0);
    expect(report.adopted).toBeGreaterThan(40);
  });

  test('and a lender whose own thread ends with arenas kept for the next leave nothing behind', async () => {
    const lender = `
      const { parentPort } = require('node:worker_threads');
      const { Arena, adopt } = require('hakmem-arena');
      const own = [];
      for (let i = 0; i < 30; i++) {
        const arena = new Arena({ name: 'request' });
        for (const size of [64, 1000, 70_000]) arena.alloc(size, 1);
        const ticket = arena.share(arena.alloc(1000, 5));
        if (i % 3 === 0) own.push(adopt(ticket));
        if (i % 3 === 1) parentPort.postMessage(ticket);
        if (i % 3 === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        arena.destroy();
      }
      globalThis.own = own;`;
    const report = await resultOf<object>(`
      const { Worker } = require('node:worker_threads');
      const { Arena, adopt, heapStats, release } = require('hakmem-arena');
      const kept = [];
      const requests = () => heapStats().arenas.filter(({ name }) => name === 'request').length;
      const worker = new Worker(${JSON.stringify(lender)}, { eval: true });
      worker.on('message', (ticket) => { try { kept.push(adopt(ticket)); } catch {} });
      worker.on('exit', (code) => {
        const arenas = Array.from({ length: 30 }, () => new Arena());
        for (const arena of arenas) Buffer.from(arena.allocUnsafe(1000).buffer).fill(0xee);
        const wrong = kept.filter((view) => !view.every((it) => it === 5)).length;
        const held = requests() === kept.length && kept.length > 0;
        for (const view of kept) release(view);
        console.log(JSON.stringify({ code, wrong, held, after: requests() }));
      });`);
    expect(report).toEqual({ code: 0, wrong: 0, held: true, after: 0 });
  });
});
