import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HAKMEM_ERRORS, STATUS_CODES } from '../../../lib/errors';
import {
  type NativeArena,
  OUT_OF_MEMORY_OS,
  exchangeOf,
  native,
  settingsOf,
  statusOf,
} from '../../../lib/native/native';
import { Arena } from '../../../lib/index';
import { arenaStats } from '../../../lib/stats/stats';
import { onlyNative } from '../support/backend';
import { PACKAGE_ROOT, resultOf, run, runScript } from '../support/child';
import { expectCode } from '../support/codes';
import { ADDON } from '../support/package-copy';

const { tables } = native;

describe('the statuses of the core', () => {
  test('every one has a code, or is known to have none', () => {
    expect(tables.statuses.map((status) => status.name).sort()).toEqual(
      Object.keys(STATUS_CODES).sort(),
    );
  });

  test.each(tables.statuses.map((status) => [status.name, status] as const))(
    '%s is found by its value and says what it means',
    (name, status) => {
      expect(statusOf(-status.value)).toEqual(status);
      expect(status.text).not.toBe('');
      const code = STATUS_CODES[name];
      if (code !== null) expect(Object.keys(HAKMEM_ERRORS)).toContain(code);
    },
  );

  test('values are different and small, 0 is OK', () => {
    const values = tables.statuses.map((status) => status.value);
    expect(new Set(values).size).toBe(values.length);
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < 64)).toBe(true);
    expect(statusOf(0).name).toBe('OK');
    expect(statusOf(OUT_OF_MEMORY_OS).name).toBe('OUT_OF_MEMORY_OS');
  });

  test('one the core does not have is UNKNOWN', () => {
    expect(statusOf(-1000)).toMatchObject({ name: 'UNKNOWN', value: 1000 });
  });
});

describe('the options of the process', () => {
  const DEFAULTS: Readonly<Record<string, number>> = {
    HAKMEM_TINY_POLICY_PROFILE: 0,
    HAKMEM_MAX_MEMORY_MB: 0,
    HAKMEM_SUPERSLAB_MAX_CACHED: 256,
    HAKMEM_SUPERSLAB_MAX_MEMORY_MB: 512,
    HAKMEM_SUPERSLAB_TTL_SEC: 60,
    HAKMEM_FREE_POLICY: 1,
    HAKMEM_THP: 0,
    HAKMEM_SS_MADVISE_STRICT: 0,
    HAKMEM_TINY_HEAP_STATS_DUMP: 0,
    HAKMEM_SS_STATS_DUMP: 0,
    HAKMEM_SS_OS_STATS: 0,
    HAKMEM_TINY_C7_PAGE_STATS_DUMP: 0,
    HAKMEM_WARM_STATS_DUMP: 0,
    HAKMEM_TINY_STATS_DUMP: 0,
    HAKMEM_SS_OS_STATS_DUMP: 0,
    HAKMEM_CACHE_STATS_DUMP: 0,
    HAKMEM_LOCK_STATS_DUMP: 0,
    HAKMEM_MEM_STATS_DUMP: 0,
    HAKMEM_FRONT_STATS_DUMP: 0,
    HAKMEM_DECAY_STATS_DUMP: 0,
    HAKMEM_POLICY_STATS_DUMP: 0,
  };

  test('have the names and defaults that are documented', () => {
    const found = Object.fromEntries(tables.options.map((option) => [option.name, option.default]));
    expect(found).toMatchObject(DEFAULTS);
  });

  test.each(tables.options.map((option) => [option.name, option] as const))(
    '%s has a range that holds its default, and a meaning',
    (name, option) => {
      expect(name).toMatch(/^HAKMEM_[A-Z0-9_]+$/);
      expect(option.meaning).not.toBe('');
      expect(option.default).toBeGreaterThanOrEqual(option.min);
      expect(option.default).toBeLessThanOrEqual(option.max);
      if (option.choices !== '') {
        expect(option.choices.split('|').length).toBe(option.max - option.min + 1);
      }
    },
  );

  test('names are different', () => {
    expect(new Set(tables.options.map((option) => option.name)).size).toBe(tables.options.length);
  });

  type Values = Readonly<Record<string, number>>;
  const readOptions = `
    const { native } = require('./dist/native/native.js');
    const values = native.tables.options.map(({ name, value }) => [name, value]);
    console.log(JSON.stringify(Object.fromEntries(values)));`;

  test('are the defaults in a clean environment', async () => {
    expect(await resultOf<Values>(readOptions)).toMatchObject(DEFAULTS);
  });

  test('are read from the environment', async () => {
    const env = {
      HAKMEM_SUPERSLAB_MAX_CACHED: '7',
      HAKMEM_SUPERSLAB_TTL_SEC: '0',
      HAKMEM_FREE_POLICY: 'keep',
      HAKMEM_THP: 'never',
    };
    expect(await resultOf<Values>(readOptions, { env })).toMatchObject({
      ...DEFAULTS,
      HAKMEM_SUPERSLAB_MAX_CACHED: 7,
      HAKMEM_SUPERSLAB_TTL_SEC: 0,
      HAKMEM_FREE_POLICY: 0,
      HAKMEM_THP: 2,
    });
  });

  test('a value that means nothing is the default', async () => {
    const env = {
      HAKMEM_SUPERSLAB_MAX_CACHED: '-1',
      HAKMEM_SUPERSLAB_TTL_SEC: '12s',
      HAKMEM_FREE_POLICY: 'KEEP',
      HAKMEM_THP: '1',
      HAKMEM_SUPERSLAB_MAX_MEMORY_MB: '',
    };
    expect(await resultOf<Values>(readOptions, { env })).toMatchObject(DEFAULTS);
  });
});

describe('the tables', () => {
  test('size classes ascend to 64 KB', () => {
    const strides = tables.defaultStrides;
    expect(strides.length).toBeLessThanOrEqual(96);
    expect(strides).toEqual([...strides].sort((a, b) => a - b));
    expect(strides.at(-1)).toBe(65_536);
    expect(strides.every((stride) => stride === 8 || stride % 16 === 0)).toBe(true);
  });

  test('rows are C0..C7, M0..M5, run, huge', () => {
    expect(tables.rowNames).toEqual([
      ...Array.from({ length: 8 }, (_, i) => `C${i}`),
      ...Array.from({ length: 6 }, (_, i) => `M${i}`),
      'run',
      'huge',
    ]);
    expect(tables.rowSizes.slice(0, 15)).toEqual([
      ...Array.from({ length: 14 }, (_, i) => 8 << i),
      2 * 1024 * 1024,
    ]);
  });

  test('every power of two up to 64 KB is a size class, so that rows and classes agree', () => {
    for (const size of tables.rowSizes.slice(0, 14)) expect(tables.defaultStrides).toContain(size);
  });
});

describe('the entries refuse what would harm memory', () => {
  const BAD_ARENAS: readonly unknown[] = [
    -1,
    0.5,
    1e6,
    2 ** 53,
    2 ** 53 + 2,
    1e300,
    NaN,
    Infinity,
    '0',
    null,
    undefined,
    {},
  ];
  let arena: NativeArena;
  beforeAll(() => {
    const created = native.createArena('entries');
    if (typeof created === 'number') throw new Error(statusOf(created).text);
    arena = created;
  });
  afterAll(() => {
    native.destroyArena(arena.id);
  });

  const nameOf = (result: unknown): string => statusOf(result as number).name;

  test.each(BAD_ARENAS.map((id) => ({ id })))('an arena $id', ({ id }) => {
    const bad = id as number;
    const room = new Float64Array(native.statsRecordMax + tables.processFields.length);
    // 1e6 is a good number for an arena that does not exist.
    for (const call of [
      () => native.destroyArena(bad),
      () => native.resetArena(bad),
      () => native.trimArena(bad),
      () => native.purgeLarge(bad, 0, 0, 65_536),
      () => native.refill(bad, 0, 1),
      () => native.flush(bad, 0, 0),
      () => native.largeAlloc(bad, 100_000),
      () => native.largeFree(bad, 0),
      () => native.expose(bad, 0),
      () => native.nextRetirable(bad, 0),
      () => native.retire(bad, 0),
      () => native.arenaStats(bad, room),
    ]) {
      expectCode(call, 'ERR_INVALID_ARG_TYPE');
    }
  });

  test('the handle of an arena that was destroyed, whose place another one has', () => {
    const handles = new Set<number>();
    const room = new Float64Array(native.statsRecordMax + tables.processFields.length);
    for (let i = 0; i < 3000; i++) {
      const { id } = native.createArena(`round ${i}`) as NativeArena;
      expect(Number.isSafeInteger(id) && !handles.has(id)).toBe(true);
      handles.add(id);
      native.destroyArena(id);
    }
    const last = native.createArena('last') as NativeArena;
    native.refill(last.id, 3, 10);
    for (const stale of handles) {
      expectCode(() => native.resetArena(stale), 'ERR_INVALID_ARG_TYPE');
      expectCode(() => native.destroyArena(stale), 'ERR_INVALID_ARG_TYPE');
      expect(native.unpin(stale, 0)).toBeLessThan(0); // it may have ended with its last pin
    }
    expect(native.arenaStats(last.id, room)).toBeGreaterThan(0);
    expect(native.flush(last.id, 3, 10)).toBeGreaterThanOrEqual(0);
    native.destroyArena(last.id);
  });

  test('a class, count or batch out of range', () => {
    expect(nameOf(native.refill(arena.id, tables.runBin, 1))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.refill(arena.id, 0xffffffff, 1))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.refill(arena.id, 0, 0))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.refill(arena.id, 0, 2049))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.flush(arena.id, tables.runBin, 1))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.flush(arena.id, 0, 2049))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.largeAlloc(arena.id, 65_536))).toBe('INVALID_ARGUMENT');
    expect(nameOf(native.largeAlloc(arena.id, 2 ** 50))).toBe('OUT_OF_MEMORY_OS');
    expectCode(() => native.largeAlloc(arena.id, -1), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => native.largeAlloc(arena.id, NaN), 'ERR_INVALID_ARG_TYPE');
  });

  test('references that are no blocks, or free already', () => {
    const exchange = exchangeOf();
    expect(native.refill(arena.id, 5, 4)).toBe(4);
    const refs = exchange.slice(0, 4);
    for (const bad of [-1, 0x7fffffff, refs[3]! + 100_000, 31 << 13]) {
      exchange[0] = bad;
      expect(nameOf(native.flush(arena.id, 5, 1))).toBe('NOT_OWNED');
      expect(native.largeFree(arena.id, bad >>> 0)).toBeLessThan(0);
    }
    exchange.set(refs);
    expect(nameOf(native.flush(arena.id, 6, 4))).toBe('NOT_OWNED');
    expect(native.flush(arena.id, 5, 4)).toBe(0);
    exchange.set(refs);
    expect(nameOf(native.flush(arena.id, 5, 4))).toBe('DOUBLE_FREE');
    expect(arenaStats(arena.id).failures.doubleFrees).toBe(4);
  });

  test('memory for statistics that is none, of another kind, or too short', () => {
    const shortest = native.statsRecordMax + tables.processFields.length;
    for (const bad of [undefined, null, 5, [], new Float32Array(9000), new Float64Array(0)]) {
      const out = bad as Float64Array;
      expectCode(() => native.arenaStats(arena.id, out), 'ERR_INVALID_ARG_TYPE');
      expectCode(() => native.heapStats(out), 'ERR_INVALID_ARG_TYPE');
    }
    const short = new Float64Array(shortest - 1);
    expectCode(() => native.arenaStats(arena.id, short), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => native.heapStats(short), 'ERR_INVALID_ARG_TYPE');
    const needed = -native.heapStats(new Float64Array(shortest));
    expect(needed).toBeGreaterThanOrEqual(shortest);
    expect(native.heapStats(new Float64Array(needed))).toBeGreaterThan(0);
  });

  test('an arena that has ended, or never was, has no name', () => {
    expect(native.arenaInfo(2 ** 40)).toBeUndefined();
    expect(native.arenaInfo(-1)).toBeUndefined();
    expect(native.arenaInfo(NaN)).toBeUndefined();
  });

  test('a batch with one bad reference takes the others', () => {
    const exchange = exchangeOf();
    expect(native.refill(arena.id, 7, 8)).toBe(8);
    const refs = exchange.slice(0, 8);
    exchange[3] = 0x7fffffff;
    expect(nameOf(native.flush(arena.id, 7, 8))).toBe('NOT_OWNED');
    exchange[0] = refs[3]!;
    expect(native.flush(arena.id, 7, 1)).toBe(0);
  });

  test('slabs that are not in use, or not empty', () => {
    for (const slab of [500, 0xffffffff, 8192 * 32]) {
      expect(nameOf(native.expose(arena.id, slab))).toBe('NOT_OWNED');
      expect(native.retire(arena.id, slab)).toBeLessThan(0);
    }
    const exchange = exchangeOf();
    expect(native.refill(arena.id, 20, 1)).toBe(1);
    const ref = exchange[0]!;
    expect(nameOf(native.retire(arena.id, ref >>> 13))).toBe('SLAB_BUSY');
    exchange[0] = ref;
    native.flush(arena.id, 20, 1);
  });

  test('a new arena with arguments of the wrong kind', () => {
    const create = (...args: readonly unknown[]): unknown =>
      native.createArena(...(args as [string, Float64Array, Uint32Array]));
    const none = settingsOf({});
    for (const args of [
      [],
      [5],
      [null],
      ['x', 'y'],
      ['x', 0],
      ['x', null],
      ['x', [...none]],
      ['x', none.subarray(1)],
      ['x', new Float64Array(none.length + 1)],
      ['x', none, [64]],
      ['x', none, new Float64Array([64])],
      ['x', none, new Uint32Array(0)],
    ]) {
      expectCode(() => create(...args), 'ERR_INVALID_ARG_TYPE');
    }
    for (const sizes of [[0], [7], [24], [64, 32], [65_552], new Array<number>(97).fill(16)]) {
      expect(nameOf(create('x', none, Uint32Array.from(sizes)))).toBe('INVALID_ARGUMENT');
    }
  });

  test.each(tables.arenaOptions)('a new arena with a bad $name', ({ name, max }) => {
    const create = (value: number): unknown =>
      native.createArena('x', settingsOf({ [name]: value }));
    for (const bad of [-1, NaN, Infinity, 2 ** 60]) {
      expectCode(() => create(bad), 'ERR_INVALID_ARG_TYPE');
    }
    if (max < 2 ** 47) expect(nameOf(create(max + 1))).toBe('INVALID_ARGUMENT');
  });

  test('an ArrayBuffer is the same while a slab is exposed', () => {
    const exchange = exchangeOf();
    expect(native.refill(arena.id, 30, 1)).toBe(1);
    const ref = exchange[0]!;
    const buffer = native.expose(arena.id, ref >>> 13);
    expect(native.expose(arena.id, ref >>> 13)).toBe(buffer);
    expect((buffer as ArrayBuffer).byteLength).toBe(65_536);
    exchange[0] = ref;
    native.flush(arena.id, 30, 1);
    expect(native.retire(arena.id, ref >>> 13)).toBe(0);
    expect((buffer as ArrayBuffer).byteLength).toBe(0);
  });
});

describe('setters on the prototypes of results', () => {
  const CALLS = [
    "native.createArena('x')",
    'native.heapMap()',
    'native.arenaInfo(arena.serial)',
    'native.arenaInfos(Float64Array.of(arena.serial))',
    'native.resetArena(99)',
    'native.refill(99)',
  ];

  test.each(['throw new Error("set")', 'throw null', 'for (;;);'])('%s', async (body) => {
    const script = `
      const { native } = require('./dist/native/native.js');
      const vm = require('node:vm');
      Object.assign(globalThis, { native, arena: native.createArena('own') });
      const codes = [];
      for (const call of ${JSON.stringify(CALLS)}) {
        for (const [owner, name] of [['Object', 'name'], ['Object', 'code'], ['Error', 'code'], ['Array', '0']]) {
          const prototype = globalThis[owner].prototype;
          Object.defineProperty(prototype, name, { configurable: true, set() { ${body} } });
          try {
            vm.runInThisContext(call, { timeout: 1000 });
          } catch (error) {
            codes.push(error?.code);
          } finally {
            delete prototype[name];
          }
        }
      }
      console.log(JSON.stringify([...new Set(codes), codes.length]));`;
    expect(await resultOf(script)).toEqual(['ERR_INVALID_ARG_TYPE', 8]);
  });
});

describe('loading', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hakmem-load-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const env = { HAKMEM_BACKEND: 'native' };
  const report = (path: string): string => `
    try { require(${JSON.stringify(path)}); console.log('{}'); }
    catch ({ code, message, cause }) {
      console.log(JSON.stringify({ code, message, cause: String(cause) }));
    }`;

  interface Failure {
    readonly code?: string;
    readonly message: string;
    readonly cause: string;
  }

  test('without a binary says so by ERR_HAKMEM_NATIVE_LOAD, and how to get one', async () => {
    cpSync(join(PACKAGE_ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(PACKAGE_ROOT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(folder, 'node_modules'));
    const failure = await resultOf<Failure>(report(folder), { env });
    expect(failure.code).toBe('ERR_HAKMEM_NATIVE_LOAD');
    expect(failure.message).toContain('npx hakmem-arena build');
    expect(failure.message).toContain(`no binary for ${process.platform}-${process.arch}`);
    expect(failure.message).toContain('prebuilt ones: none');
    expect(failure.cause).toContain('No native build was found');
  });

  test('names the platforms that have a binary', async () => {
    mkdirSync(join(folder, 'prebuilds/plan9-mips'), { recursive: true });
    mkdirSync(join(folder, 'prebuilds/beos-x64'));
    const failure = await resultOf<Failure>(report(folder), { env });
    expect(failure.message).toContain('prebuilt ones: beos-x64, plan9-mips');
  });

  test('with a binary made for another machine says so', async () => {
    mkdirSync(join(folder, 'build/Release'), { recursive: true });
    const addon = Buffer.from(ADDON);
    addon.write('not for this machine');
    writeFileSync(join(folder, 'build/Release/hakmem_arena.node'), addon);
    const failure = await resultOf<Failure>(report(folder), { env });
    expect(failure.code).toBe('ERR_HAKMEM_NATIVE_LOAD');
    expect(failure.message).toContain('made on another machine');
    expect(failure.message).toContain('npx hakmem-arena build');
    expect(failure.cause).toContain('hakmem_arena.node');
  });

  test('out of a bundle says that the package has to stay outside of it', async () => {
    rmSync(join(folder, 'package.json'));
    rmSync(join(folder, 'build'), { recursive: true });
    const failure = await resultOf<Failure>(report(join(folder, 'dist')), { cwd: folder, env });
    expect(failure.code).toBe('ERR_HAKMEM_NATIVE_LOAD');
    expect(failure.message).toContain('mark it as external');
  });

  test('where addons are forbidden names the switch that allows them', async () => {
    const failure = await resultOf<Failure>(report('hakmem-arena'), {
      nodeArguments: ['--no-addons'],
      env,
    });
    expect(failure.code).toBe('ERR_HAKMEM_NATIVE_LOAD');
    expect(failure.message).toContain('--allow-addons');
  });

  test('from another working directory works', async () => {
    const script = `require(${JSON.stringify(PACKAGE_ROOT)}); console.log(1);`;
    expect(await resultOf<number>(script, { cwd: tmpdir() })).toBe(1);
  });

  test('prints nothing', async () => {
    const { exitCode, stdout, stderr } = await runScript(`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      arena.free(arena.alloc(100));
      arena.destroy();`);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('by import and by require is one class', async () => {
    const source = `
      import { createRequire } from 'node:module';
      import * as imported from 'hakmem-arena';
      const required = createRequire(import.meta.url)('hakmem-arena');
      const names = Object.keys(required).filter((name) => imported[name] !== required[name]);
      const arena = new imported.Arena();
      console.log(JSON.stringify({
        names, count: Object.keys(required).length, same: arena instanceof required.Arena,
      }));`;
    const { stdout, stderr } = await run(process.execPath, [
      '--input-type=module',
      '--eval',
      source,
    ]);
    expect(stderr).toBe('');
    const result = JSON.parse(stdout) as { names: string[]; count: number; same: boolean };
    expect(result).toMatchObject({ names: [], same: true });
    expect(result.count).toBeGreaterThanOrEqual(6);
  });
});

describe('the exchange', () => {
  const detachable = onlyNative('its exchange is in memory that cannot be detached');

  detachable('is the same until somebody detaches it, and another one then', () => {
    const exchange = native.exchange as ArrayBuffer;
    expect(native.exchange).toBe(exchange);
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    const taken = structuredClone(exchange, { transfer: [exchange] });
    expect(exchange.byteLength).toBe(0);
    const views = Array.from({ length: 3000 }, (_, i) => arena.alloc(1 + (i % 3000), i & 255));
    views.push(arena.alloc(1_000_000, 9));
    expect(views.every((it) => it.every((byte) => byte === it[0]))).toBe(true);
    for (const it of views) arena.free(it);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    const seen = Buffer.from(taken).toString('hex');
    arena.free(arena.alloc(200));
    arena.reset();
    expect(Buffer.from(taken).toString('hex')).toBe(seen);
    expect(native.exchange.byteLength).toBe(8192);
    arena.destroy();
  });

  detachable('calls without it are refused', () => {
    const created = native.createArena('without exchange') as NativeArena;
    const exchange = native.exchange as ArrayBuffer;
    structuredClone(exchange, { transfer: [exchange] });
    expectCode(() => native.refill(created.id, 30, 1), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => native.flush(created.id, 30, 1), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => native.largeAlloc(created.id, 100_000), 'ERR_INVALID_ARG_TYPE');
    expect(native.exchange.byteLength).toBe(8192);
    expect(native.refill(created.id, 30, 1)).toBe(1);
    native.destroyArena(created.id);
  });

  detachable('that a worker gave away outlives the worker', async () => {
    const bytes = await resultOf<number[]>(`
      const { Worker } = require('node:worker_threads');
      const source =
        "const { exchange } = require(process.cwd() + '/dist/native/native.js').native;" +
        'new Int32Array(exchange).fill(7);' +
        "require('node:worker_threads').parentPort.postMessage(exchange, [exchange]);";
      const worker = new Worker(source, { eval: true });
      let got;
      worker.on('message', (it) => (got = it));
      worker.on('exit', () => {
        for (let i = 0; i < 1000; i++) Buffer.allocUnsafeSlow(8192).fill(1);
        const ints = new Int32Array(got);
        ints[5]++;
        console.log(JSON.stringify([ints.length, ints[0], ints[5], ints[2047]]));
      });`);
    expect(bytes).toEqual([2048, 7, 8, 7]);
  });
});
