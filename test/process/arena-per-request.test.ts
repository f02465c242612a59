/**
 * An arena per request: what an arena leaves serves the next one of its thread, and nothing of it shows.
 */
import { describe, expect, test } from '@jest/globals';
import { Arena, heapStats } from '../../lib/index';
import { IS_WASM } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';
import { Random } from '../unit/support/random';
import { totalsOf } from '../unit/support/sums';

const MIB = 1024 * 1024;
const SIZES = [64, 200, 512, 1500, 4096];
const MIXED = [24, 100, 500, 1000, 4000, 5000, 16_401, 40_000, 70_000];

interface Growth {
  readonly rss: number;
  readonly addresses: number;
  readonly mapped: number;
}

const native = IS_WASM ? test.skip : test;
const linux = process.platform === 'linux' ? test : test.skip;

describe('a loop that never lets the event loop turn', () => {
  linux('grows neither memory nor address space by 20,000 arenas', async () => {
    const growth = await resultOf<Growth>(`
      const { readFileSync } = require('fs');
      const { Arena, heapStats } = require('hakmem-arena');
      const read = () => {
        const status = readFileSync('/proc/self/status', 'utf8');
        const bytes = (key) => 1024 * Number(status.match(new RegExp(key + ':\\\\s+(\\\\d+)'))[1]);
        return { rss: bytes('VmRSS'), addresses: bytes('VmSize'), mapped: heapStats().totals.os.map };
      };
      const handle = () => {
        const arena = new Arena({ name: 'request' });
        for (const size of ${JSON.stringify(SIZES)}) arena.allocUnsafe(size)[0] = 1;
        arena.destroy();
      };
      for (let i = 0; i < 1000; i++) handle();
      const before = read();
      for (let i = 0; i < 20000; i++) handle();
      const after = read();
      for (const key in after) after[key] -= before[key];
      console.log(JSON.stringify(after));`);
    // The engine's own heap moves by a few MB; on WebAssembly it has an ArrayBuffer more for each slab.
    const heap = IS_WASM ? 100 * MIB : 10 * MIB;
    expect(growth.rss).toBeLessThan(heap);
    expect(growth.addresses).toBeLessThan(2 * heap);
    expect(growth.mapped).toBe(0);
  });
});

describe('an arena after others', () => {
  test('shows nothing of them, not even around its Buffers', () => {
    for (let i = 0; i < 50; i++) {
      const arena = new Arena();
      for (const size of SIZES) {
        const view = arena.allocUnsafe(size);
        const slab = Buffer.from(view.buffer);
        expect(slab.every((byte) => byte === 0 || byte === 1 + (i % 250))).toBe(true);
        slab.fill(1 + (i % 250));
      }
      arena.destroy();
    }
  });

  test('shows nothing of them, whatever classes they had and however many blocks', () => {
    const random = new Random(7);
    for (let i = 0; i < 500; i++) {
      const arena = new Arena();
      const own = 1 + (i % 250);
      for (let n = 1 + random.below(12); n > 0; n--) {
        const size = MIXED[random.below(MIXED.length)]!;
        const views = Array.from({ length: 1 + random.below(40) }, () => arena.allocUnsafe(size));
        for (const { buffer } of views) {
          const slab = Buffer.from(buffer);
          if (slab[0] === own) continue;
          expect(slab.equals(Buffer.alloc(slab.length))).toBe(true);
          slab.fill(own);
        }
      }
      arena.destroy();
    }
  });

  native('begins with a short slab, of which it shows no more', () => {
    new Arena().destroy();
    const arena = new Arena();
    const views = Array.from({ length: 17 }, () => arena.alloc(1024));
    const bytes = [...new Set(views.map(({ buffer }) => buffer.byteLength))];
    expect(bytes).toEqual([16 * 1024, 64 * 1024]);
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
    for (const view of views) arena.free(view);
    arena.trim();
    expect(arena.stats().bytes).toMatchObject({ used: 0, live: 0 });
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
    arena.destroy();
  });

  test('leaves their Buffers at length 0', () => {
    const stale: Buffer[] = [];
    for (let i = 0; i < 50; i++) {
      const arena = new Arena();
      stale.push(...SIZES.map((size) => arena.allocUnsafe(size)));
      arena.destroy();
    }
    const arena = new Arena();
    const views = SIZES.map((size) => arena.alloc(size, 7));
    for (const view of stale) {
      expect([view.length, view.buffer.byteLength]).toEqual([0, 0]);
      expect(() => arena.free(view)).toThrow(
        expect.objectContaining({ code: 'ERR_HAKMEM_NOT_OWNED' }),
      );
      view[0] = 9;
    }
    for (const view of views) expect(view.every((byte) => byte === 7)).toBe(true);
    arena.destroy();
  });

  test('is not reached through one that has ended', () => {
    const ended = new Arena();
    const old = ended.allocUnsafe(64);
    ended.destroy();
    const arena = new Arena();
    const views = SIZES.map((size) => arena.alloc(size, 1));
    const code = 'ERR_HAKMEM_ARENA_DESTROYED';
    const calls = [
      () => ended.allocUnsafe(64),
      () => ended.alloc(70_000),
      () => ended.allocTyped(Float64Array, 8),
      () => ended.allocUnsafe(64, 4096),
      () => ended.free(old),
      () => ended.free(views[0]!),
      () => ended.realloc(views[0]!, 100),
      () => ended.retain(views[0]!),
      () => ended.openScope(),
      () => ended.reset(),
      () => ended.trim(),
      () => ended.stats(),
    ];
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ code }));
    ended.destroy();
    expect(ended.owns(views[0])).toBe(false);
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 5, frees: 0, live: 5 });
    for (const view of views) arena.free(view);
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 5, frees: 5, live: 0 });
    arena.destroy();
  });

  test('counts from zero, under a number of its own', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const arena = new Arena({ name: `request ${i}` });
      expect(totalsOf(arena.stats())).toMatchObject({ allocs: 0, frees: 0, live: 0 });
      expect(arena.stats().bytes.committed).toBe(0);
      for (const size of SIZES) arena.allocUnsafe(size);
      expect(totalsOf(arena.stats())).toMatchObject({ allocs: 5, frees: 0, live: 5 });
      expect(heapStats().arenas.filter(({ name }) => name === arena.name)).toHaveLength(1);
      seen.add(arena.id);
      arena.destroy();
    }
    expect(seen.size).toBe(20);
  });

  test('leaves alone what is retained of them', () => {
    const kept: [Arena, Buffer][] = [];
    for (let i = 0; i < 20; i++) {
      const arena = new Arena();
      const [first] = SIZES.map((size) => arena.alloc(size, 1 + i));
      kept.push([arena, arena.retain(first!)]);
      arena.destroy();
    }
    kept.forEach(([arena, view], i) => {
      expect(view.every((byte) => byte === 1 + i)).toBe(true);
      expect(arena.release(view)).toBe(true);
      expect(view.length).toBe(0);
    });
  });

  test('takes turns with many that live at once', () => {
    for (let round = 0; round < 20; round++) {
      const arenas = Array.from({ length: 40 }, () => new Arena());
      const views = arenas.map((arena, i) => SIZES.map((size) => arena.alloc(size, 1 + i)));
      views.forEach((list, i) => {
        for (const view of list) expect(view.every((byte) => byte === 1 + i)).toBe(true);
      });
      for (const arena of arenas) arena.destroy();
      for (const view of views.flat()) expect(view.length).toBe(0);
    }
  });
});
