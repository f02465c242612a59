/**
 * Verify and trace: the books counted again, and what happened behind the front.
 */
import { describe, expect, test } from '@jest/globals';
import { Arena, type OutOfMemoryError, formatTrace, heapStats } from '../../../lib/index';
import { Front } from '../../../lib/front/front';
import { newKit } from '../../../lib/front/kit';
import { countersOf, frontStat, native } from '../../../lib/native/native';
import { PROCESS_POLICY } from '../../../lib/policy/state';
import { verifyBooks } from '../../../lib/stats/verify';
import { onlyNative } from '../support/backend';
import { expectCode } from '../support/codes';
import { randomMixed } from '../support/random-mixed';

function kindsOf(arena: Arena): string[] {
  return arena.trace().map(({ kind }) => kind);
}

describe('arena.verify()', () => {
  test('finds nothing through a life of all kinds of blocks', () => {
    const arena = new Arena();
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
    randomMixed(arena, { iterations: 20_000, slots: 256, seed: 1, min: 16, max: 1024 });
    expect(arena.verify().ok).toBe(true);
    const views = [70_000, 3_000_000, 5000, 40_000].map((size) => arena.allocUnsafe(size));
    views.push(arena.allocUnsafe(100, 4096));
    const [first] = views;
    arena.retain(first!);
    arena.free(views[3]!);
    expect(arena.verify().ok).toBe(true);
    arena.trim();
    expect(arena.verify().ok).toBe(true);
    arena.reset();
    expect(arena.verify().ok).toBe(true);
    arena.release(first!);
    expect(arena.verify().ok).toBe(true);
    arena.destroy();
    expectCode(() => arena.verify(), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  onlyNative('it is its receiver`s alone')('finds nothing while a slab is given away', () => {
    const arena = new Arena();
    const view = arena.allocUnsafe(1000);
    const other = arena.allocUnsafe(1000);
    new ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(new Uint8Array(view.buffer, view.byteOffset, 10)),
    });
    expect(view.length).toBe(0);
    arena.allocUnsafe(1000);
    expect(arena.stats().bytes.givenAway).toBe(65_536);
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
    arena.free(other);
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
    arena.destroy();
  });

  test('says which number of which block size differs', () => {
    const strides = native.tables.defaultStrides;
    const core = native.createArena('books') as Exclude<
      ReturnType<typeof native.createArena>,
      number
    >;
    const change = { name: 'purgeDelayMs', size: undefined, value: -1, source: 'option' } as const;
    const policy = PROCESS_POLICY.after([change]);
    const options = { learn: 'frozen', maxBytes: 0, strides, policy } as const;
    const front = new Front(core, options, newKit(strides));
    front.alloc(1000, 1);
    expect(verifyBooks(core.id, front, strides)).toEqual({ ok: true, differences: [] });
    const counts = countersOf(core);
    counts[native.tables.counters.allocs + 1000]! += 1_000_000;
    const { ok, differences } = verifyBooks(core.id, front, strides);
    expect(ok).toBe(false);
    expect(differences).toContainEqual(
      expect.objectContaining({ what: 'capacity', blockSize: 1024, slab: -1 }),
    );
    counts[native.tables.counters.allocs + 1000]! -= 1_000_000;
    native.refill(core.id, strides.indexOf(1024), 3);
    expect(verifyBooks(core.id, front, strides).differences).toEqual([
      expect.objectContaining({ what: 'owned by the front', blockSize: 1024 }),
    ]);
    expect(frontStat('double_frees')).toBeGreaterThan(0);
    native.destroyArena(core.id);
  });
});

describe('arena.trace()', () => {
  test('tells in order what happened behind the front, with times and stages', () => {
    const arena = new Arena({ trace: 100 });
    const before = heapStats().atMs;
    const view = arena.allocUnsafe(1000);
    const [superslab, bind, refill] = arena.trace();
    expect(['map', 'adopt']).toContain(superslab!.kind);
    expect(bind).toMatchObject({ kind: 'bind', blockSize: 1024, amount: 1 });
    expect(refill).toMatchObject({ kind: 'refill', blockSize: 1024, stage: bind!.stage });
    expect(refill!.amount).toBeGreaterThan(1);
    expect(refill!.atMs).toBeGreaterThanOrEqual(before);
    expect(refill!.atMs).toBeLessThanOrEqual(heapStats().atMs);
    for (let i = 0; i < 1000; i++) arena.free(arena.allocUnsafe(1000));
    expect(arena.trace().length).toBe(3);
    arena.free(view);
    arena.trim();
    expect(kindsOf(arena)).toEqual(expect.arrayContaining(['flush', 'retire', 'purge', 'give']));
    arena.destroy();
    expectCode(() => arena.trace(), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  test('keeps the last events, and none unless asked', () => {
    const arena = new Arena({ trace: 5 });
    for (let size = 100; size < 3000; size += 100) arena.allocUnsafe(size);
    expect(arena.trace().length).toBe(5);
    expect(arena.trace().at(-1)).toMatchObject({ kind: 'refill', blockSize: 2976 });
    const without = new Arena();
    without.allocUnsafe(100);
    expect(without.trace()).toEqual([]);
    arena.destroy();
    without.destroy();
  });

  test.each([
    [-1, 'ERR_OUT_OF_RANGE'],
    [2 ** 20 + 1, 'ERR_OUT_OF_RANGE'],
    ['10', 'ERR_INVALID_ARG_TYPE'],
  ])('the option %p is refused', (trace, code) => {
    expectCode(() => new Arena({ trace: trace as number }), code);
  });

  test('goes with a refusal into a diagnostic report', () => {
    const arena = new Arena({ trace: 100, maxBytes: 65_536 });
    arena.allocUnsafe(1000);
    let error: unknown;
    try {
      arena.allocUnsafe(100_000);
    } catch (refusal) {
      error = refusal;
    }
    const { trace } = error as OutOfMemoryError & { trace: string };
    expect(trace.split('\n').at(-1)).toMatch(/^\d+\.\d{3} refuse 0 - 0$/);
    const report = process.report.getReport(error as Error) as {
      javascriptStack: { errorProperties: Record<string, string> };
    };
    expect(report.javascriptStack.errorProperties['trace']).toContain('bind 1024');
    arena.destroy();
  });

  test('is a file that Chrome and Perfetto read', () => {
    const arena = new Arena({ trace: 10 });
    arena.allocUnsafe(1000);
    const { traceEvents } = JSON.parse(formatTrace(arena.trace())) as { traceEvents: object[] };
    expect(traceEvents.length).toBe(arena.trace().length);
    for (const event of traceEvents) {
      expect(event).toMatchObject({ ph: 'i', s: 't', cat: 'hakmem-arena', pid: process.pid });
      expect(event).toMatchObject({ name: expect.any(String), ts: expect.any(Number) });
    }
    for (const bad of [{}, undefined, [null], [{}], [{ ...arena.trace()[0], atMs: '1' }]]) {
      expectCode(() => formatTrace(bad as never), 'ERR_INVALID_ARG_TYPE');
    }
    arena.destroy();
  });
});
