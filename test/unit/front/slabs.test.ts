import { describe, expect, test } from '@jest/globals';
import { Arena, type View } from '../../../lib/index';
import { IS_WASM } from '../support/backend';
import { resultOf } from '../support/child';
import { codeOf, expectCode } from '../support/codes';
import { checkSums, totalsOf } from '../support/sums';
import { bytesOf } from '../support/views';

const SLAB_BYTES = 64 * 1024;

/** Views of every kind: small, large, huge, typed, empty. */
function someViews(arena: Arena): View[] {
  return [
    arena.alloc(10, 1),
    arena.alloc(1000, 1),
    arena.alloc(60_000, 1),
    arena.alloc(100_000, 1),
    arena.alloc(3_000_000, 1),
    arena.allocUnsafe(100, 4096),
    arena.allocTyped(Float64Array, 50),
    arena.allocTyped(BigInt64Array, 50),
    arena.allocTyped(DataView, 50),
  ];
}

/** A stale view: no bytes, whatever is asked. A DataView throws instead. */
function expectStale(view: View): void {
  expect(view.buffer.byteLength).toBe(0);
  if (view instanceof DataView) {
    expect(() => view.byteLength).toThrow(TypeError);
    expect(() => view.getUint8(0)).toThrow(TypeError);
    return;
  }
  expect(view.byteLength).toBe(0);
  const elements = view as Uint8Array | BigInt64Array;
  expect(elements[0]).toBeUndefined();
  elements[0] = elements instanceof BigInt64Array ? 1n : 1;
  expect(elements[0]).toBeUndefined();
}

describe('stale views', () => {
  test('have length 0 after a reset and are refused by their code', () => {
    const arena = new Arena();
    const views = someViews(arena);
    const parts = [(views[1] as Buffer).subarray(5), (views[4] as Buffer).subarray(5, 10)];
    arena.reset();
    for (const view of [...views, ...parts]) expectStale(view);
    for (const view of views) expectCode(() => arena.free(view), 'ERR_HAKMEM_STALE_VIEW');
    for (const part of parts) expectCode(() => arena.free(part), 'ERR_HAKMEM_NOT_OWNED');
    arena.destroy();
  });

  test('have length 0 after destroy and are refused by its code', () => {
    const arena = new Arena();
    const views = someViews(arena);
    arena.destroy();
    for (const view of views) {
      expectStale(view);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_ARENA_DESTROYED');
    }
  });

  test('show nothing of what comes after a reset', () => {
    const arena = new Arena();
    const stale = Array.from({ length: 500 }, () => arena.alloc(1000, 0xaa));
    arena.reset();
    const fresh = Array.from({ length: 5000 }, (_, i) => arena.alloc(100 + (i % 50), 0xbb));
    for (const view of stale) {
      expect(view.length).toBe(0);
      expect(view.toString()).toBe('');
      expect(view.write('overwrite')).toBe(0);
    }
    expect(fresh.every((view) => view.every((byte) => byte === 0xbb))).toBe(true);
    arena.destroy();
  });

  test('a freed view of a retired slab has length 0 and never shows another class', () => {
    const arena = new Arena();
    const old = Array.from({ length: 3000 }, () => arena.alloc(1000, 0xaa));
    for (const view of old) arena.free(view);
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
    expect(old.every((view) => view.length === 0)).toBe(true);

    const fresh = Array.from({ length: 20_000 }, () => arena.allocUnsafe(64));
    // The pages went back to the system, so the old bytes are gone for the new class too.
    expect(fresh.some((view) => view.includes(0xaa))).toBe(false);
    for (const view of fresh) view.fill(0xbb);
    expect(old.every((view) => view.length === 0 && view[0] === undefined)).toBe(true);
    for (const view of old.slice(0, 100)) {
      expect(codeOf(() => arena.free(view))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    }
    expect(fresh.every((view) => view.every((byte) => byte === 0xbb))).toBe(true);
    expect(totalsOf(arena.stats()).live).toBe(20_000);
    arena.destroy();
  });

  test('a slab with one live block is not retired', () => {
    const arena = new Arena();
    const views = Array.from({ length: 3000 }, () => arena.alloc(1000, 0xaa));
    const kept = views.filter((_, i) => i % 500 === 0);
    for (const view of views) if (!kept.includes(view)) arena.free(view);
    arena.trim();
    for (const view of kept) expect(view.equals(Buffer.alloc(1000, 0xaa))).toBe(true);
    checkSums(arena.stats());
    for (const view of kept) arena.free(view);
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
    expect(kept.every((view) => view.length === 0)).toBe(true);
    arena.destroy();
  });

  test('a freed large view has length 0 once its block is given back', () => {
    const arena = new Arena();
    for (const size of [100_000, 2_000_000, 5_000_000]) {
      const view = arena.allocUnsafe(size);
      arena.free(view);
      arena.trim();
      expect(view.length).toBe(0);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    }
    arena.destroy();
  });

  test('slabs that change class again and again stay right', () => {
    const arena = new Arena();
    const sizes = [8, 5000, 64, 30_000, 1000, 200_000, 16, 65_536, 300];
    for (let round = 0; round < 60; round++) {
      const size = sizes[round % sizes.length]!;
      const count = Math.max(2, Math.floor(400_000 / size));
      const views = Array.from({ length: Math.min(count, 2000) }, () => arena.alloc(size, round));
      expect(views.every((view) => view.length === size && view.at(-1) === round)).toBe(true);
      for (const view of views) arena.free(view);
      if (round % 2 === 0) arena.trim();
      checkSums(arena.stats());
    }
    arena.trim();
    expect(checkSums(arena.stats()).bytes).toMatchObject({ used: 0, live: 0 });
    arena.destroy();
  });
});

/** Ways by which other code takes an ArrayBuffer away. Which of them work depends on Node. */
const DETACHERS: readonly (readonly [string, (buffer: ArrayBuffer, view: Buffer) => unknown])[] = [
  ['structuredClone with a transfer', (buffer) => structuredClone(buffer, { transfer: [buffer] })],
  [
    'a message with a transfer',
    (buffer) => {
      const { port1 } = new MessageChannel();
      try {
        port1.postMessage(buffer, [buffer]);
      } finally {
        port1.close();
      }
    },
  ],
  [
    'a byte stream',
    (_buffer, view) => {
      return new ReadableStream({
        type: 'bytes',
        start(controller) {
          controller.enqueue(view);
        },
      });
    },
  ],
  [
    'a read with a buffer of one`s own',
    (_buffer, view) => {
      const stream = new ReadableStream({ type: 'bytes' });
      void stream.getReader({ mode: 'byob' }).read(view);
    },
  ],
  [
    'ArrayBuffer.prototype.transfer',
    (buffer) => (buffer as ArrayBuffer & { transfer?: () => ArrayBuffer }).transfer?.(),
  ],
];

/** Tries to detach the slab of a view. true: it is detached. */
function detach(view: Buffer, [, take]: (typeof DETACHERS)[number]): boolean {
  try {
    take(view.buffer as ArrayBuffer, view);
  } catch {
    // Newer versions refuse to transfer external memory.
  }
  return view.length === 0;
}

describe.each(DETACHERS)('a slab taken away by %s', (...detacher) => {
  test('takes no other slab with it', () => {
    const arena = new Arena();
    const victim = arena.alloc(100, 1);
    const others = [arena.alloc(1000, 2), arena.alloc(100_000, 3), arena.alloc(3_000_000, 4)];
    const typed = arena.allocTyped(Float64Array, 500).fill(0.5);
    detach(victim, detacher);
    others.forEach((view, i) => {
      expect(view.every((byte) => byte === i + 2)).toBe(true);
    });
    expect(typed.every((value) => value === 0.5)).toBe(true);
    arena.destroy();
  });

  test('is wrapped again on the next use and counted', () => {
    const arena = new Arena();
    const [victim, neighbour] = [arena.alloc(100), arena.alloc(100)];
    arena.free(arena.alloc(100));
    const detached = detach(victim, detacher);
    expect(neighbour.length).toBe(detached ? 0 : 100);
    for (let i = 0; i < 200; i++) {
      const view = arena.alloc(100, i);
      expect(view.equals(Buffer.alloc(100, i))).toBe(true);
    }
    expect(checkSums(arena.stats()).detachedSlabs).toBe(detached ? 1 : 0);
    arena.destroy();
  });

  test('its live views can be freed, are not owned any more, and cannot grow', () => {
    const arena = new Arena();
    const views = [arena.alloc(100), arena.alloc(100), arena.alloc(100)];
    const detached = detach(views[0]!, detacher);
    for (const view of views) {
      expect(arena.owns(view)).toBe(!detached);
      const code = codeOf(() => arena.usableSize(view));
      expect(code).toBe(detached ? 'ERR_HAKMEM_STALE_VIEW' : undefined);
      if (detached) expectCode(() => arena.realloc(view, 200), 'ERR_HAKMEM_STALE_VIEW');
    }
    for (const view of views) arena.free(view);
    for (const view of views) expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 3, frees: 3, live: 0, liveBytes: 0 });
    for (let i = 0; i < 10; i++) expect(arena.alloc(100).length).toBe(100);
    arena.destroy();
  });

  test('its recycled views of all kinds come back whole', () => {
    const arena = new Arena();
    const make = (): View[] => [
      arena.alloc(100),
      arena.allocTyped(Uint8Array, 100),
      arena.allocTyped(Float64Array, 13),
      arena.allocTyped(DataView, 100),
    ];
    for (let round = 0; round < 3; round++) {
      const views = make();
      for (const view of views) arena.free(view);
      detach(views[0] as Buffer, detacher);
      for (const view of make()) {
        expect(view.byteLength).toBeGreaterThanOrEqual(100);
        bytesOf(view).fill(1);
        arena.free(view);
      }
    }
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test.each([100_000, 3_000_000])('a large block of %i bytes is lost for nobody else', (size) => {
    const arena = new Arena();
    const view = arena.alloc(size, 1);
    detach(view, detacher);
    arena.free(view);
    const next = arena.alloc(size, 2);
    expect(next.length).toBe(size);
    arena.free(next);
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 2, frees: 2, live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test('a scope that held it ends', () => {
    const arena = new Arena();
    arena.scope((scope) => {
      const view = scope.alloc(100);
      scope.alloc(5000);
      detach(view, detacher);
    });
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 2, frees: 2, live: 0 });
    arena.destroy();
  });

  test('a trim takes the empty slabs of other classes', () => {
    const arena = new Arena();
    const victim = arena.alloc(100);
    const others = Array.from({ length: 300 }, () => arena.alloc(1000));
    const detached = detach(victim, detacher);
    for (const view of [victim, ...others]) arena.free(view);
    arena.trim();
    const lostBytes = detached && !IS_WASM ? SLAB_BYTES : 0;
    expect(checkSums(arena.stats(), lostBytes).bytes.used).toBe(lostBytes);
    arena.destroy();
  });

  test('a reset and destroy still work', () => {
    const arena = new Arena();
    const sizes = [100, 1000, 100_000, 3_000_000];
    const taken = sizes.map((size) => detach(arena.alloc(size), detacher));
    // From Node 24 on a slab that served an arena before can be transferred; larger blocks never did.
    expect(taken[2]).toBe(taken[3]);
    const takenCount = taken.filter(Boolean).length;
    const lost = taken[3] === true ? arena.stats().bytes.used : takenCount * SLAB_BYTES;
    // On WebAssembly memory goes with whoever has it, and the slab gets other memory.
    const lostBytes = IS_WASM ? 0 : lost;
    arena.reset();
    expect(totalsOf(arena.stats(), lostBytes)).toMatchObject({ allocs: 4, frees: 4, live: 0 });
    for (const size of sizes) {
      const view = arena.alloc(size, 5);
      expect(view.equals(Buffer.alloc(size, 5))).toBe(true);
    }
    checkSums(arena.stats(), lostBytes);
    arena.destroy();
    expect(arena.destroyed).toBe(true);
  });
});

test.each(['trim', 'reset'])(
  'what was taken away comes back after a %s, once nobody holds it',
  async (method) => {
    interface Report {
      readonly held: number;
      readonly released: number;
      readonly destroyed: number;
    }
    const report = await resultOf<Report>(
      `
    const { Arena, heapStats } = require('hakmem-arena');
    const arena = new Arena();
    const used = () => (arena.trim(), arena.stats().bytes.used);
    const streams = [];
    const give = () => {
      for (const size of [100, 5000, 100_000, 3_000_000]) {
        const view = arena.alloc(size);
        streams.push(new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) }));
        arena.free(view);
      }
    };
    const collect = async () => {
      streams.length = 0;
      for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
    };
    (async () => {
      give();
      arena.${method}();
      const held = used();
      await collect();
      const released = used();
      give();
      arena.destroy();
      await collect();
      const destroyed = heapStats().arenas.length;
      console.log(JSON.stringify({ held, released, destroyed }));
    })();`,
      { nodeArguments: ['--expose-gc'] },
    );
    // On WebAssembly the memory goes with the ArrayBuffer, and the slab gets other memory.
    expect(report.held).toBe(IS_WASM ? 0 : (1 + 1 + 2 + 48) * SLAB_BYTES);
    expect(report).toMatchObject({ released: 0, destroyed: 0 });
  },
);

test('the first detached slab is one warning for the whole process, which names copyOut', async () => {
  const warnings = await resultOf<{ code?: string; message: string }[]>(`
    const { Arena } = require('hakmem-arena');
    const warnings = [];
    process.on('warning', ({ code, message }) => warnings.push({ code, message }));
    for (let i = 0; i < 3; i++) {
      const arena = new Arena();
      for (let k = 0; k < 3; k++) {
        const view = arena.alloc(100);
        new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(view) });
        arena.alloc(100);
      }
    }
    setTimeout(() => console.log(JSON.stringify(warnings)), 20);`);
  expect(warnings).toEqual([
    { code: 'HAKMEM_DETACHED_SLAB', message: expect.stringContaining('copyOut') },
  ]);
});

describe('an ArrayBuffer that must not be detached', () => {
  // Node itself aborts at its end while there is one, so these leave without that.
  const major = Number(process.versions.node.split('.')[0]);
  // On WebAssembly JavaScript detaches, and before 22 it has only structuredClone for that, which copies them.
  const KEEPS = major >= 24 || (IS_WASM && major < 22);
  const SETUP = `
    const { Arena } = require('hakmem-arena');
    const { markAsUntransferable } = require('node:worker_threads');
    const arena = new Arena();
    const sizes = [100, 300_000, 3_000_000];
    const marked = sizes.map((size, i) => arena.alloc(size, i + 1));
    for (const view of marked) markAsUntransferable(view.buffer);
    const others = Array.from({ length: 1000 }, (_, i) => arena.alloc(1000, i));
    const end = () => {
      console.log(JSON.stringify(marked.map((view) => [view.length, view[view.length - 1] ?? -1])));
      process.reallyExit(0);
    };`;
  const expected = [100, 300_000, 3_000_000].map((size, i) => (KEEPS ? [size, i + 1] : [0, -1]));

  test.each([
    ['reset', 'arena.reset();'],
    ['destroy', 'arena.destroy();'],
    ['trim', 'for (const view of [...marked, ...others]) arena.free(view); arena.trim();'],
    ['reset and destroy', 'arena.reset(); arena.alloc(100, 9); arena.destroy();'],
  ])('stays as it is after %s, and nobody else gets its memory', async (_name, act) => {
    const result = await resultOf(`${SETUP}
      ${act}
      const more = ${act.includes('destroy') ? 'new Arena()' : 'arena'};
      for (const size of sizes) for (let i = 0; i < 20; i++) more.alloc(size, 9);
      more.destroy();
      end();`);
    expect(result).toEqual(expected);
  });

  test('of a guarded allocation stays, and its process ends as usual', async () => {
    const result = await resultOf(`
      const { Arena } = require('hakmem-arena');
      const { markAsUntransferable } = require('node:worker_threads');
      const arena = new Arena({ guard: { sampleRate: 1 } });
      const view = arena.alloc(100, 1);
      markAsUntransferable(view.buffer);
      arena.reset();
      arena.alloc(100, 9);
      arena.destroy();
      console.log(view.length);`);
    expect(result).toBe(KEEPS ? 100 : 0);
  });

  test('because a program has put its own function in the place of transfer: nothing breaks', async () => {
    const result = await resultOf(`
      let arena;
      const refused = [];
      ArrayBuffer.prototype.transfer = function () {
        for (const act of ['alloc', 'reset', 'trim', 'destroy']) {
          try { arena[act](5000); } catch (error) { refused.push(error.code); }
        }
        throw new Error('mine');
      };
      const { Arena } = require('hakmem-arena');
      for (const method of ['reset', 'destroy', 'trim']) {
        arena = new Arena();
        for (const size of [10, 1000, 100_000, 3_000_000]) arena.free(arena.alloc(size, 1));
        arena[method]();
        arena.destroy();
      }
      const last = new Arena();
      console.log(last.alloc(100, 1).length);`);
    expect(result).toBe(100);
  });
});
