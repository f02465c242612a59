/** The WebAssembly backend by its entries, beside whatever backend the other tests run on. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { createContext, runInContext } from 'node:vm';
import { createWasmBackend } from '../../../lib/native/wasm/backend';
import type { NativeArena } from '../../../lib/native/entries';
import { SlabMemory } from '../../../lib/native/wasm/slab-memory';
import { resultOf, runScript } from '../support/child';
import { expectCode } from '../support/codes';

const SLAB_BYTES = 65_536;
const REFUSED = 'ERR_INVALID_ARG_TYPE';

const native = createWasmBackend();
const exchange = new Int32Array(native.exchange, native.exchangeAt);
const status = (name: string): number =>
  -native.tables.statuses.find((one) => one.name === name)!.value;

/** Kept, because what is collected is destroyed. */
const open: NativeArena[] = [];

function create(name = '', settings?: Readonly<Record<string, number>>): NativeArena {
  const values = native.tables.arenaOptions.map((option) => settings?.[option.name] ?? 0);
  const arena = native.createArena(name, Float64Array.from(values)) as NativeArena;
  open.push(arena);
  return arena;
}

/** One block of a bin: its slab's ArrayBuffer and reference. */
function take(arena: NativeArena, bin: number): { ref: number; slab: number; bytes: ArrayBuffer } {
  expect(native.refill(arena.id, bin, 1)).toBe(1);
  const ref = exchange[0]!;
  const slab = ref >>> 13;
  return { ref, slab, bytes: native.expose(arena.id, slab) as ArrayBuffer };
}

const isZero = (buffer: ArrayBuffer): boolean => new Uint8Array(buffer).every((byte) => byte === 0);

afterAll(() => {
  for (const { id } of open) native.destroyArena(id);
});

describe('a slab', () => {
  test('is 64 KB of the engine`s own memory, zeroed, and the same until it is concealed', () => {
    const arena = create('slab');
    const { slab, bytes } = take(arena, 5);
    expect(bytes.byteLength).toBe(SLAB_BYTES);
    expect(isZero(bytes)).toBe(true);
    expect(native.expose(arena.id, slab)).toBe(bytes);
    expect(structuredClone(bytes, { transfer: [bytes] }).byteLength).toBe(SLAB_BYTES);
  });

  test('is detached by a reset, and the arena gets its bytes again', () => {
    const arena = create('reset');
    const { slab, bytes } = take(arena, 5);
    new Uint8Array(bytes).fill(7);
    native.resetArena(arena.id);
    expect(bytes.byteLength).toBe(0);
    const again = take(arena, 5);
    expect(again.slab).toBe(slab);
    expect(again.bytes).not.toBe(bytes);
    expect(new Uint8Array(again.bytes)[100]).toBe(7);
  });

  test('of one arena reaches no other with its bytes', () => {
    const first = create('first');
    for (let bin = 0; bin < 60; bin++) new Uint8Array(take(first, bin).bytes).fill(9);
    native.destroyArena(open.pop()!.id);
    const second = create('second');
    for (let bin = 0; bin < 60; bin++) expect(isZero(take(second, bin).bytes)).toBe(true);
  });

  test('that is scrubbed is zeroed at once, in whatever ArrayBuffer its memory is', () => {
    const arena = create('scrubbed', { scrubs: 1 });
    new Uint8Array(take(arena, 5).bytes).fill(7);
    native.resetArena(arena.id);
    expect(isZero(take(arena, 5).bytes)).toBe(true);
  });

  test('that somebody took away is theirs, and the arena has other memory for it', () => {
    const arena = create('taken');
    const { slab, bytes } = take(arena, 5);
    new Uint8Array(bytes).fill(3);
    const taken = structuredClone(bytes, { transfer: [bytes] });
    const next = native.expose(arena.id, slab) as ArrayBuffer;
    new Uint8Array(next).fill(4);
    expect(new Uint8Array(taken).every((byte) => byte === 3)).toBe(true);
    native.resetArena(arena.id);
    expect(taken.byteLength).toBe(SLAB_BYTES);
  });

  test('that is pinned stays attached until it is unpinned, beyond the end of its arena', () => {
    const arena = create('pinned');
    const { slab, bytes } = take(arena, 5);
    const other = take(arena, 20);
    open.pop();
    native.destroyArena(arena.id, Uint32Array.of(slab));
    expect([bytes.byteLength, other.bytes.byteLength]).toEqual([SLAB_BYTES, 0]);
    expectCode(() => native.refill(arena.id, 5, 1), REFUSED);
    expect(native.unpin(arena.id, slab)).toBe(0);
    expect(bytes.byteLength).toBe(0);
    expect(native.unpin(arena.id, slab)).toBe(status('ARENA_DESTROYED'));
  });
});

describe('a large block', () => {
  test.each([100_000, 1_500_000, 5_000_000])(
    'of %i bytes has an ArrayBuffer of its own',
    (size) => {
      const arena = create('large');
      const ref = native.largeAlloc(arena.id, size);
      expect(exchange[0]).toBe(1);
      const bytes = native.expose(arena.id, ref >>> 13) as ArrayBuffer;
      expect(bytes.byteLength).toBeGreaterThanOrEqual(size);
      expect(isZero(bytes)).toBe(true);
      new Uint8Array(bytes).fill(1);
      expect(native.largeFree(arena.id, ref)).toBe(0);
      expect(bytes.byteLength).toBe(0);
    },
  );

  test('after slabs at the same place, and the other way round, has its whole length', () => {
    const arena = create('mixed');
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 40; i++) expect(take(arena, i).bytes.byteLength).toBe(SLAB_BYTES);
      native.resetArena(arena.id);
      const ref = native.largeAlloc(arena.id, 1_000_000);
      const bytes = native.expose(arena.id, ref >>> 13) as ArrayBuffer;
      expect(bytes.byteLength).toBeGreaterThanOrEqual(1_000_000);
      native.resetArena(arena.id);
    }
  });

  test('of 2 GB and more is refused, as is one that the engine has no room for', () => {
    const arena = create('too large');
    expect(native.largeAlloc(arena.id, 2 ** 31 + 1)).toBe(status('OUT_OF_MEMORY_OS'));
    expect(native.largeAlloc(arena.id, 2 ** 45)).toBe(status('OUT_OF_MEMORY_OS'));
    expect(take(arena, 5).bytes.byteLength).toBe(SLAB_BYTES);
  });
});

describe('calls that are wrong', () => {
  test('are refused, and nothing changes', () => {
    const arena = create('wrong');
    for (const id of [-1, 1e9, 0.5, NaN, undefined as never, 'x' as never]) {
      expectCode(() => native.refill(id, 5, 1), REFUSED);
      expectCode(() => native.destroyArena(id), REFUSED);
      expectCode(() => native.expose(id, 0), REFUSED);
    }
    expectCode(() => native.createArena('x'.repeat(64)), REFUSED);
    expectCode(() => native.createArena('a\0b'), REFUSED);
    expectCode(() => native.createArena('', new Float64Array(2)), REFUSED);
    expectCode(() => native.arenaStats(arena.id, new Float64Array(3)), REFUSED);
    expect(native.expose(arena.id, 12_345)).toBe(status('NOT_OWNED'));
    expect(native.retire(arena.id, 1)).toBe(status('SLAB_BUSY'));
    const { ref } = take(arena, 5);
    exchange.fill(ref, 0, 2);
    expect(native.flush(arena.id, 5, 2)).toBe(status('DOUBLE_FREE'));
    expect(native.flush(arena.id, 5, 5000)).toBe(status('INVALID_ARGUMENT'));
  });
});

/** Runs `act` while a method of the language throws. */
function withThrowing(of: object, method: string | symbol, act: () => void): void {
  const before = Object.getOwnPropertyDescriptor(of, method)!;
  const value = (): never => {
    throw new Error('boom');
  };
  Object.defineProperty(of, method, { ...before, value });
  try {
    act();
  } finally {
    Object.defineProperty(of, method, before);
  }
}

describe('where methods of the language throw, which a program has replaced', () => {
  test('an arena whose end was cut short is not ended again', () => {
    const { id, serial } = create('cut short');
    open.pop();
    withThrowing(Map.prototype, 'delete', () => {
      expect(() => native.destroyArena(id)).toThrow('boom');
    });
    expect(native.unpin(id, 0)).toBe(status('ARENA_DESTROYED'));
    expect(native.arenaInfo(serial)).toBeUndefined();
    expect(native.heapMap().map((arena) => arena.serial)).not.toContain(serial);
  });

  test('an arena that was not made is in no statistics', () => {
    const out = new Float64Array(native.statsRecordMax * 20);
    const before = native.heapStats(out);
    withThrowing(Map.prototype, 'set', () => expect(() => create('never')).toThrow('boom'));
    withThrowing(FinalizationRegistry.prototype, 'register', () => {
      expect(() => create('never')).toThrow('boom');
    });
    expect(native.heapStats(out)).toBe(before);
  });

  test.each<[string, () => object, string | symbol]>([
    ['Map.prototype.get', () => Map.prototype, 'get'],
    ['Array.prototype.push', () => Array.prototype as object, 'push'],
    ['the iterator of arrays', () => Array.prototype as object, Symbol.iterator],
    ['Math.max', () => Math, 'max'],
  ])('the core works on: %s', (_name, of, method) => {
    const memory = new SlabMemory();
    const bytes = new ArrayBuffer(SLAB_BYTES);
    new Uint8Array(bytes).fill(7);
    memory.conceal(SLAB_BYTES, bytes);
    withThrowing(of(), method, () => memory.forget(SLAB_BYTES, SLAB_BYTES));
    expect(memory.take(SLAB_BYTES, SLAB_BYTES)).toBe(bytes);
    expect(isZero(bytes)).toBe(true);
  });
});

test('memory grows beneath arrays that are in use', () => {
  const arena = create('grown');
  const counters = new Float64Array(arena.counters, arena.countersAt, 10);
  counters[3] = 42;
  const before = native.exchange.byteLength;
  const grown = Array.from({ length: 300 }, () => create('more'));
  expect(grown.at(-1)!.counters.byteLength).toBeGreaterThan(before);
  expect(counters[3]).toBe(42);
  expect(native.refill(arena.id, 5, 4)).toBe(4);
});

test('books are verified, and events and lengths told, as by the addon', () => {
  const arena = create('told', { trace: 100 });
  take(arena, 5);
  native.largeAlloc(arena.id, 100_000);
  expect(native.verifyArena(arena.id)).toEqual([]);
  const values = new Float64Array(500);
  const events = native.arenaTrace(arena.id, values) / 5;
  const kinds = Array.from({ length: events }, (_, i) => {
    return native.tables.eventKinds[values[i * 5 + 1]!];
  });
  expect(kinds).toEqual(expect.arrayContaining(['map', 'bind', 'refill']));
  const layout = native.tables.counters;
  const allocs = new Float64Array(arena.counters, arena.countersAt! + 8 * layout.allocs, 1025);
  allocs[native.tables.defaultStrides[5]!] = 1000;
  const bin = native.verifyArena(arena.id).find(({ what }) => what === 'capacity');
  expect(bin).toMatchObject({ bin: 5, slab: 0xffff_ffff });
  const lengths = new Float64Array(native.lengthsMax);
  const written = native.arenaLengths(arena.serial, lengths);
  expect([...lengths.subarray(0, written)]).toContain(1000);
  expect(native.arenaLengths(1e9, lengths)).toBe(0);
  allocs.fill(0);
});

test('blocks go to no other thread', () => {
  const arena = create('stays');
  const { ref } = take(arena, 5);
  const refused = 'ERR_HAKMEM_NATIVE_LOAD';
  expectCode(() => native.offer(arena.id, ref, 1), refused);
  expectCode(() => native.recall(arena.id, 1), refused);
  expectCode(() => native.adopt(1), refused);
  expectCode(() => native.adoptAll(Float64Array.of(1), 1, [0]), refused);
  expectCode(() => native.release(1), refused);
  expect(native.takeReturned(arena.id)).toBe(-1);
});

describe('a call of the core', () => {
  /** A backend of its own, with an arena whose verification takes a while. */
  function makeLarge(): { large: typeof native; id: number } {
    const large = createWasmBackend();
    const { id } = large.createArena('large') as NativeArena;
    for (let i = 0; i < 400; i++) large.refill(id, i % 40, 2048);
    return { large, id };
  }

  test('that a vm timeout stops in the middle closes this backend, and no other', () => {
    const { large, id } = makeLarge();
    const context = createContext({ work: () => large.verifyArena(id) });
    for (let round = 0; round < 20 && !large.isBroken!(); round++) {
      expect(() => {
        runInContext('for (;;) work();', context, { timeout: 5 });
      }).toThrow('timed out');
    }
    expect(large.isBroken!()).toBe(true);
    expectCode(() => large.refill(id, 5, 1), 'ERR_INVALID_STATE');
    expectCode(() => large.createArena('next'), 'ERR_INVALID_STATE');
    expectCode(() => large.destroyArena(id), 'ERR_INVALID_STATE');
    expectCode(() => large.decay(), 'ERR_INVALID_STATE');
    take(create('other'), 5);
  });

  test('that finds no room on the stack has not begun', () => {
    const { large, id } = makeLarge();
    let refusals = 0;
    const dive = (): void => {
      try {
        dive();
      } catch (error) {
        if (refusals++ < 50) large.verifyArena(id);
        else throw error;
      }
    };
    for (let i = 0; i < 20; i++) expect(dive).toThrow(RangeError);
    expect(large.isBroken!()).toBe(false);
    expect(large.verifyArena(id)).toEqual([]);
  });
});

describe('in a process of its own', () => {
  const env = { HAKMEM_BACKEND: 'wasm' };

  test('memory that is not needed waits ten seconds for late writes, and goes then', async () => {
    const script = `
      const { createWasmBackend } = require('./dist/native/wasm/backend.js');
      const native = createWasmBackend();
      const arena = native.createArena('');
      const mib = () => (gc(), process.memoryUsage().arrayBuffers / 2 ** 20);
      const before = mib();
      for (let i = 0; i < 8; i++) {
        const ref = native.largeAlloc(arena.id, 20e6 + i * 4e6);
        native.expose(arena.id, ref >>> 13);
        native.largeFree(arena.id, ref);
      }
      const rested = mib() - before;
      setTimeout(() => {
        gc();
        setTimeout(() => console.log(JSON.stringify([rested, mib() - before])), 100);
      }, 10_500);`;
    const [rested, left] = await resultOf<[number, number]>(script, {
      nodeArguments: ['--expose-gc'],
      env,
    });
    expect(rested).toBeGreaterThan(200);
    expect(left).toBeLessThan(20);
  });

  test('an arena that nobody has any more is collected, with its record', async () => {
    const script = `
      const { heapStats, Arena } = require('hakmem-arena');
      const fill = () => { for (let i = 0; i < 20; i++) new Arena().alloc(3000); };
      fill();
      (async () => {
        for (let i = 0; i < 20 && heapStats().arenas.length > 0; i++) {
          gc();
          await new Promise((done) => setTimeout(done, 20));
        }
        console.log(heapStats().arenas.length);
      })();`;
    expect(await resultOf<number>(script, { nodeArguments: ['--expose-gc'], env })).toBe(0);
  });

  test('what was interrupted is told by a code, and no timer throws', async () => {
    const script = `
      const vm = require('node:vm');
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const kept = arena.from('kept');
      const views = Array.from({ length: 20_000 }, (_, i) => arena.alloc(i % 5000));
      views.slice(0, 19_000).forEach((view) => arena.free(view));
      const context = vm.createContext({ work: () => arena.verify() });
      const tell = (work) => { try { return String(work()); } catch ({ code }) { return code; } };
      let end = '';
      for (let i = 0; i < 20 && end !== 'ERR_INVALID_STATE'; i++) {
        tell(() => vm.runInContext('for (;;) work();', context, { timeout: 5 }));
        end = tell(() => new Arena());
      }
      setTimeout(() => console.log(JSON.stringify([end, tell(() => arena.trim()), kept + ''])), 2500);`;
    const { stdout, stderr, exitCode } = await runScript(script, {
      env: { ...env, HAKMEM_MEM_STATS_DUMP: '1' },
    });
    expect([stderr, exitCode]).toEqual(['', 0]);
    expect(JSON.parse(stdout)).toEqual(['ERR_INVALID_STATE', 'ERR_INVALID_STATE', 'kept']);
  });

  test('it keeps no process alive and prints nothing', async () => {
    const source = `const { Arena } = require('hakmem-arena'); const a = new Arena(); a.free(a.alloc(5e6)); a.trim();`;
    const began = Date.now();
    expect(await runScript(source, { env })).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    expect(Date.now() - began).toBeLessThan(8000);
  });
});

describe('chosen by itself', () => {
  const env = { HAKMEM_BACKEND: '' };
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';

  /** Uses an arena, and prints which backend runs. */
  const script = `
    const { Arena, heapStats } = require('hakmem-arena');
    const arena = new Arena();
    const view = arena.alloc(5000, 1);
    arena.free(view);
    const { backend } = arena.stats();
    console.log(JSON.stringify([heapStats().backend, backend]));`;

  interface Backend {
    readonly name: string;
    readonly reason: string;
  }

  test.each([
    ['--no-addons', ['--no-addons']],
    ['--permission', [permission, '--allow-fs-read=*']],
  ])('where %s forbids addons, and says so once, with what would allow them', async (_, flags) => {
    const { stdout, stderr, exitCode } = await runScript(script, { nodeArguments: flags, env });
    expect(exitCode).toBe(0);
    const [heap, arena] = JSON.parse(stdout) as [Backend, Backend];
    expect(arena).toEqual(heap);
    expect(heap.name).toBe('wasm');
    expect(heap.reason).toContain('--allow-addons');
    expect(stderr.match(/\[HAKMEM_WASM_BACKEND\] Warning: .*--allow-addons/g)).toHaveLength(1);
  });

  test('not where the addon loads', async () => {
    const [heap] = await resultOf<[Backend, Backend]>(script, { env });
    expect(heap).toEqual({ name: 'native', reason: 'the addon loads' });
  });

  test('without a word where it was asked for', async () => {
    const { stdout, stderr } = await runScript(script, { env: { HAKMEM_BACKEND: 'wasm' } });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toContainEqual({
      name: 'wasm',
      reason: 'HAKMEM_BACKEND=wasm is set',
    });
  });

  test('a value that names none is a warning, and counts as not set', async () => {
    const { stdout, stderr } = await runScript(script, { env: { HAKMEM_BACKEND: 'rust' } });
    expect(stderr).toContain('HAKMEM_BACKEND=rust means nothing; the default is used');
    expect(stdout).toContain('"native"');
  });

  test('only by the main thread, for all of its workers', async () => {
    const source = `
      const { Worker } = require('node:worker_threads');
      require('hakmem-arena');
      const run = "const { Arena } = require('hakmem-arena'); new Arena().alloc(100);";
      for (let i = 0; i < 3; i++) new Worker(run, { eval: true });`;
    const { stderr, exitCode } = await runScript(source, { nodeArguments: ['--no-addons'], env });
    expect(exitCode).toBe(0);
    expect(stderr.match(/HAKMEM_WASM_BACKEND/g)).toHaveLength(1);
  });
});
