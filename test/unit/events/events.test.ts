import { afterEach, describe, expect, test } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Arena, type PurgeDisabledEvent, type SuperSlabEvent, heapStats } from '../../../lib/index';
import { IS_WASM, onlyNative } from '../support/backend';
import { resultOf } from '../support/child';
import { expectCode } from '../support/codes';

const undo: (() => void)[] = [];

function received(name: string): unknown[] {
  const events: unknown[] = [];
  const listener = (event: unknown): void => void events.push(event);
  subscribe(name, listener);
  undo.push(() => unsubscribe(name, listener));
  return events;
}

afterEach(() => {
  for (const step of undo.splice(0)) step();
});

describe('an event', () => {
  test('tells of an allocation that maxBytes refused, after the code that asked', async () => {
    const events = received('hakmem-arena:limit');
    const arena = new Arena({ name: 'full', maxBytes: 65_536 });
    arena.allocUnsafe(100);
    expectCode(() => arena.allocUnsafe(200_000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expect(events).toEqual([]);
    await Promise.resolve();
    expect(events).toEqual([
      {
        arena: { id: arena.id, name: 'full' },
        requestedBytes: 200_000,
        usedBytes: 65_536,
        maxBytes: 65_536,
      },
    ]);
    arena.destroy();
  });

  test('is not made when nobody listens, and not for what goes well', async () => {
    const arena = new Arena({ maxBytes: 65_536 });
    expectCode(() => arena.allocUnsafe(200_000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    const events = received('hakmem-arena:limit');
    for (let i = 0; i < 100; i++) arena.free(arena.allocUnsafe(100));
    await Promise.resolve();
    expect(events).toEqual([]);
    arena.destroy();
  });
});

describe('pressure', () => {
  test('is told when an allocation is served by what the arena gave up for it', async () => {
    const events = received('hakmem-arena:pressure');
    const arena = new Arena({ name: 'tight', maxBytes: 65_536 });
    arena.free(arena.allocUnsafe(100));
    expect(arena.allocUnsafe(5000)).toHaveLength(5000);
    expect(events).toEqual([]);
    await Promise.resolve();
    expect(events).toEqual([
      {
        arena: { id: arena.id, name: 'tight' },
        reason: 'limit',
        requestedBytes: 5000,
        usedBytes: 65_536,
        maxBytes: 65_536,
      },
    ]);
    arena.destroy();
  });

  test('comes before a refusal, too', async () => {
    const events = ['hakmem-arena:pressure', 'hakmem-arena:limit'].map(received);
    const arena = new Arena({ maxBytes: 65_536 });
    arena.allocUnsafe(100);
    expectCode(() => arena.allocUnsafe(5000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    await Promise.resolve();
    expect(events).toMatchObject([[{ reason: 'limit', requestedBytes: 5000 }], [{}]]);
    arena.destroy();
  });
});

const MIB = 1024 * 1024;

/** How many SuperSlabs, by kind. */
function countsOf(events: readonly unknown[]): Partial<Record<SuperSlabEvent['kind'], number>> {
  const counts: Partial<Record<SuperSlabEvent['kind'], number>> = {};
  for (const { kind, count } of events as SuperSlabEvent[]) {
    counts[kind] = (counts[kind] ?? 0) + count;
  }
  return counts;
}

/** What was before is told first: from then on, only what the test does. */
async function listenedTo(): Promise<SuperSlabEvent[]> {
  const events = received('hakmem-arena:superslab') as SuperSlabEvent[];
  heapStats();
  await Promise.resolve();
  events.length = 0;
  return events;
}

describe('SuperSlabs', () => {
  test('are told when they come and when they go to the cache', async () => {
    const arena = new Arena();
    const events = await listenedTo();
    // Five huge mappings; the cache may have some of that size from other tests.
    for (let i = 0; i < 5; i++) arena.allocUnsafe(7 * MIB);
    expect(events).toEqual([]);
    await Promise.resolve();
    const { mapped = 0, adopted = 0 } = countsOf(events);
    expect(mapped + adopted).toBe(5);
    arena.destroy();
    await Promise.resolve();
    expect(countsOf(events).cached).toBe(5);
    const last = events.at(-1)!;
    expect(last.cached).toBe(heapStats().totals.superslabs.cached);
    expect(last.cachedBytes).toBe(heapStats().totals.bytes.cached);
  });

  test('are told when an arena takes them from the cache', async () => {
    const first = new Arena();
    first.allocUnsafe(100);
    first.destroy();
    const events = await listenedTo();
    const second = new Arena();
    second.allocUnsafe(100);
    await Promise.resolve();
    expect(countsOf(events)).toEqual({ adopted: 1 });
    second.destroy();
  });

  onlyNative('it knows of no other thread')(
    'are told when they are unmapped, also those of a thread that has ended',
    async () => {
      const counts = await resultOf<Record<string, number>>(
        `
      const { once } = require('node:events');
      const { subscribe } = require('node:diagnostics_channel');
      const { Worker } = require('node:worker_threads');
      const { Arena, heapStats } = require('hakmem-arena');
      const counts = {};
      subscribe('hakmem-arena:superslab', ({ kind, count }) => {
        counts[kind] = (counts[kind] ?? 0) + count;
      });
      const take = \`new (require('hakmem-arena').Arena)().allocUnsafe(3 * 1024 * 1024)\`;
      (async () => {
        await once(new Worker(take, { eval: true }), 'exit');
        new Arena().allocUnsafe(100);
        heapStats();
        await new Promise(setImmediate);
        console.log(JSON.stringify(counts));
      })();`,
        { env: { HAKMEM_SUPERSLAB_TTL_SEC: '0' } },
      );
      expect(counts).toEqual({ mapped: 2, cached: 1, unmapped: 1 });
    },
  );

  test('are not told for each allocation', async () => {
    const arena = new Arena();
    for (let i = 0; i < 100; i++) arena.free(arena.allocUnsafe(1000));
    const events = await listenedTo();
    for (let i = 0; i < 10_000; i++) arena.free(arena.allocUnsafe(1000));
    heapStats();
    await Promise.resolve();
    expect(events).toEqual([]);
    arena.destroy();
  });
});

/** Refuses what the addon wants to purge, as a system with too many mappings does. */
const REFUSING_MADVISE = `
  #define _GNU_SOURCE
  #include <dlfcn.h>
  #include <errno.h>
  #include <string.h>
  #include <sys/mman.h>
  #include <sys/syscall.h>
  #include <unistd.h>
  int madvise(void *address, size_t length, int advice) {
    Dl_info caller;
    if (advice == MADV_DONTNEED && dladdr(__builtin_return_address(0), &caller) &&
        strstr(caller.dli_fname, "hakmem") != 0) {
      errno = ENOMEM;
      return -1;
    }
    return (int)syscall(SYS_madvise, address, length, advice);
  }`;

const onLinux = process.platform === 'linux' ? test : test.skip;

const asksTheSystem = IS_WASM ? onlyNative('it asks the system for nothing') : onLinux;

asksTheSystem('a system that refuses to take pages back is told once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hakmem-madvise-'));
  const [source, library] = [join(folder, 'madvise.c'), join(folder, 'madvise.so')];
  writeFileSync(source, REFUSING_MADVISE);
  execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
  const { events, disabled } = await resultOf<{ events: PurgeDisabledEvent[]; disabled: boolean }>(
    `
    const { subscribe } = require('node:diagnostics_channel');
    const { Arena, heapStats } = require('hakmem-arena');
    const events = [];
    subscribe('hakmem-arena:purge-disabled', (event) => events.push(event));
    const arena = new Arena();
    (async () => {
      for (let round = 0; round < 3; round++) {
        const views = Array.from({ length: 1000 }, () => arena.alloc(5000, 1));
        for (const view of views) arena.free(view);
        arena.trim();
        await new Promise(setImmediate);
      }
      console.log(JSON.stringify({ events, disabled: heapStats().totals.os.purgeDisabled }));
    })();`,
    { env: { LD_PRELOAD: library } },
  );
  rmSync(folder, { recursive: true });
  expect(disabled).toBe(true);
  expect(events).toEqual([{ enomem: 1, failed: 0 }]);
});
