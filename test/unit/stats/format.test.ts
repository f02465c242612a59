import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Arena, formatHeapStats, heapStats } from '../../../lib/index';
import { resultOf } from '../support/child';
import { expectCode } from '../support/codes';
import { randomMixed } from '../support/random-mixed';

const ROW = /^HEAP_STATS\[(?:[0-7]|M[0-5]|run|huge)\] fast=\d+ slow=\d+( \w+=\d+)*$/;
const SUPERSLABS = /^\[SS_STATS\] live=\d+ empty=\d+( \w+=\d+)*$/;
const OS =
  /^\[SS_OS_STATS\] alloc=\d+ free=\d+ madvise=\d+ madvise_enomem=\d+ madvise_other=\d+ madvise_disabled=[01]$/;

describe('formatHeapStats', () => {
  test('of an arena: a line per class, and one each for SuperSlabs and the system', () => {
    const arena = new Arena();
    arena.allocUnsafe(100);
    const lines = formatHeapStats(arena.stats()).split('\n');
    expect(lines.filter((line) => ROW.test(line)).length).toBe(16);
    expect(lines.filter((line) => SUPERSLABS.test(line)).length).toBe(1);
    expect(lines).toContain('[SS_STATS] class=4 live=1 empty_events=0');
    expect(lines.filter((line) => OS.test(line)).length).toBe(1);
    expect(lines.every((line) => line === line.trim() && line !== '')).toBe(true);
    arena.destroy();
  });

  test('classes C0..C7 are numbered as they always were', () => {
    const follower = new Arena(); // what another test has left is its own, and it would begin with a short slab
    const arena = new Arena();
    follower.destroy();
    randomMixed(arena, { iterations: 20_000, slots: 64, seed: 1, min: 1024, max: 1024 });
    const text = formatHeapStats(arena.stats());
    const [, fast, slow] = /^HEAP_STATS\[7\] fast=(\d+) slow=(\d+) /m.exec(text) ?? [];
    expect(Number(fast) + Number(slow)).toBe(11016);
    expect(Number(slow)).toBeLessThan(10);
    const shown = /^\/\/ (HEAP_STATS\[7\].*)$/m.exec(readFileSync('README.md', 'utf8'))?.[1];
    expect(text.split('\n')).toContain(shown);
    expect(text).toMatch(/^HEAP_STATS\[0\] fast=0 slow=0 /m);
    expect(text).toMatch(/^HEAP_STATS\[M5\] fast=0 slow=0 /m);
    arena.destroy();
  });

  test('numbers are those of the structure', () => {
    const arena = new Arena();
    for (let i = 0; i < 5; i++) arena.allocUnsafe(3000);
    const stats = arena.stats();
    const text = formatHeapStats(stats);
    expect(text).toContain('HEAP_STATS[M1] fast=4 slow=1 ');
    expect(text).toContain(`live_bytes=15000`);
    expect(text).toContain(`[SS_STATS] live=${stats.superslabs.live} `);
    expect(text).toContain(`[SS_OS_STATS] alloc=${stats.os.map} free=${stats.os.unmap} `);
    arena.destroy();
  });

  test('of the heap: each arena behind its name, totals last', async () => {
    const text = await resultOf<string>(`
      const { Arena, heapStats, formatHeapStats } = require('hakmem-arena');
      const [a, b] = [new Arena({ name: 'first' }), new Arena({ name: 'second' })];
      a.allocUnsafe(1000); b.allocUnsafe(1000); b.allocUnsafe(1000);
      console.log(JSON.stringify(formatHeapStats(heapStats())));`);
    const lines = text.split('\n');
    const rowsOf = (prefix: string): string[] =>
      lines.filter((line) => line.startsWith(`${prefix}HEAP_STATS[7]`));
    expect(rowsOf('first: ')[0]).toContain('fast=0 slow=1 ');
    expect(rowsOf('second: ')[0]).toContain('fast=1 slow=1 ');
    expect(rowsOf('')[0]).toContain('fast=1 slow=2 ');
    expect(lines.indexOf(rowsOf('')[0]!)).toBeGreaterThan(lines.indexOf(rowsOf('second: ')[0]!));
    expect(lines.at(-1)).toMatch(OS);
  });

  test('of one arena alone has no names; of none, zeroes', async () => {
    const [one, none] = await resultOf<[string, string]>(`
      const { Arena, heapStats, formatHeapStats } = require('hakmem-arena');
      const none = formatHeapStats(heapStats());
      new Arena().allocUnsafe(1000);
      console.log(JSON.stringify([formatHeapStats(heapStats()), none]));`);
    for (const text of [one, none]) {
      const lines = text.split('\n');
      expect(lines.filter((line) => ROW.test(line)).length).toBe(16);
      expect(lines.some((line) => line.includes('arena-'))).toBe(false);
    }
    expect(one).toContain('HEAP_STATS[7] fast=0 slow=1 ');
    expect(none).toContain('HEAP_STATS[7] fast=0 slow=0 ');
  });

  test('prints the lines that are asked for, in one order, each name once', () => {
    const arena = new Arena();
    for (let i = 0; i < 100; i++) arena.allocUnsafe(1000);
    const stats = arena.stats();
    const { stages, pages, warm } = stats.classes[7]!;
    const text = formatHeapStats(stats, { lines: ['WARM', 'TINY_STATS', 'C7_PAGE_STATS'] });
    expect(text.split('\n')).toEqual([
      expect.stringContaining(`[TINY_STATS] class=7 current=${stages.current} partial=0 `),
      expect.stringContaining(`prepare_from_partial=0 prepare_from_empty=0 `),
      `[WARM] class=7 hits=${warm.hits} misses=${warm.misses} prefilled=0`,
    ]);
    expect(text).toContain(`[C7_PAGE_STATS] prepare_calls=${pages.bound} `);
    const all = formatHeapStats(stats, { lines: 'all' });
    for (const line of [...formatHeapStats(stats).split('\n'), ...text.split('\n')]) {
      expect(all.split('\n')).toContain(line);
    }
    const { cap, batch } = stats.classes[7]!.front;
    expect(all).toContain(
      `[FRONT] class=7 cap=${cap} batch=${batch} to_bucket=0 to_stack=0 dropped=0 refused=0 drains=0 `,
    );
    const { values } = arena.policy();
    expect(all).toContain(
      `[POLICY] purge_delay_ms=${values.purgeDelayMs.value} free_policy=batch `,
    );
    expect(all).toContain(' large_rounding=1 front_bytes=131072 ');
    expect(formatHeapStats(stats, { lines: [] })).toBe('');
    expect(formatHeapStats(stats, {})).toBe(formatHeapStats(stats));
    arena.destroy();
  });

  test.each([
    ['a line that there is not', { lines: ['HEAP'] }, 'ERR_INVALID_ARG_VALUE'],
    ['lines that are no list', { lines: 'HEAP_STATS' }, 'ERR_INVALID_ARG_TYPE'],
    ['options that are none', 'all', 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s', (_name, options, code) => {
    expectCode(() => formatHeapStats(heapStats(), options as never), code);
  });

  test('survives statistics that went through JSON', () => {
    const heap = heapStats();
    const copy = JSON.parse(JSON.stringify(heap)) as typeof heap;
    expect(formatHeapStats(copy)).toBe(formatHeapStats(heap));
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a string', 'stats'],
    ['an empty object', {}],
    ['an object with a version alone', { version: 1 }],
    ['an array', []],
    ['classes alone', { classes: [] }],
    ['a C7 alone', { classes: [{ name: 'C7' }] }],
    ['arenas that are none', { arenas: [{}], totals: {} }],
  ])('refuses %s', (_name, value) => {
    expectCode(() => formatHeapStats(value as never), 'ERR_INVALID_ARG_TYPE');
  });
});
