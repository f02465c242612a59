/**
 * The parts of the monitor's page that need no browser: how numbers read, and what is made of replies.
 */
import { describe, expect, test } from '@jest/globals';
import { Arena } from '../../../lib/index';
import { statsReply } from '../../../lib/monitor/http/replies';
import { bytes, count, duration, percent } from '../../../lib/monitor/page/format';
import { Model } from '../../../lib/monitor/page/model';
import type { StatsReply } from '../../../lib/monitor/wire';

describe('numbers read well:', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KB'],
    [1536, '1.50 KB'],
    [10 * 1024, '10.0 KB'],
    [1024 * 1024 - 1, '1.00 MB'],
    [123_456_789, '118 MB'],
    [2 ** 50, '1024 TB'],
    [-2048, '-2.00 KB'],
  ])('%i bytes', (value, text) => expect(bytes(value)).toBe(text));

  test.each([
    [0, '0'],
    [9_999, '9,999'],
    [10_000, '10.0 k'],
    [999_499, '999 k'],
    [999_500, '1.00 M'],
    [1_234_567_890, '1.23 G'],
    [-12_345, '-12.3 k'],
  ])('a count of %i', (value, text) => expect(count(value)).toBe(text));

  test.each([
    [0, '0 %'],
    [1, '100 %'],
    [0.5, '50.0 %'],
    [0.99876, '99.88 %'],
    [0.999999, '>99.99 %'],
    [NaN, '-'],
  ])('a share of %d', (value, text) => expect(percent(value)).toBe(text));

  test.each([
    [59.9, '59 s'],
    [3599, '59 min'],
    [3700, '1 h 1 min'],
    [93_784, '1 d 2 h'],
  ])('%d seconds', (value, text) => expect(duration(value)).toBe(text));
});

/** The reply of now, as of `at` milliseconds. */
function replyAt(at: number): StatsReply {
  return { ...statsReply('test'), at };
}

function allocate(arena: Arena, times: number): void {
  for (let i = 0; i < times; i++) arena.allocUnsafe(1000);
}

describe('Model', () => {
  test('has nothing to show before the first reply', () => {
    expect(new Model().view('all')).toBeUndefined();
    expect(new Model().history('all')).toEqual([]);
  });

  test('tells rates from two replies, for one arena and for all', () => {
    const [first, second] = [new Arena(), new Arena()];
    const model = new Model();
    model.add(replyAt(1000));
    allocate(first, 30);
    allocate(second, 50);
    model.add(replyAt(3000));
    expect(model.view(first.id)).toMatchObject({ allocRate: 15, freeRate: 0 });
    expect(model.view('all')).toMatchObject({ allocRate: 40 });
    const row = model.view('all')!.rows.find(({ stats }) => stats.name === 'C7')!;
    expect(row).toMatchObject({ allocRate: 40, freeRate: 0 });
    expect(row.heldBytes).toBe(row.stats.slabs * 65_536 - row.stats.liveBytes);
    expect(model.history(second.id)).toMatchObject([{ at: 3000, allocRate: 25, live: 50_000 }]);
    expect(model.history(first.id)[0]!.rss).toBe(model.reply!.process.rssBytes);
    first.destroy();
    second.destroy();
  });

  test('counts a new arena from zero, and is not confused by one that ends', () => {
    const ending = new Arena();
    allocate(ending, 100);
    const model = new Model();
    model.add(replyAt(0));
    ending.destroy();
    const fresh = new Arena();
    allocate(fresh, 10);
    model.add(replyAt(1000));
    expect(model.view('all')).toMatchObject({ allocRate: 10, freeRate: 0 });
    fresh.destroy();
  });

  test('rates are zero, not infinite, when no time has passed', () => {
    const arena = new Arena();
    const model = new Model();
    model.add(replyAt(1000));
    allocate(arena, 10);
    model.add(replyAt(1000));
    expect(model.view('all')!.allocRate).toBe(0);
    arena.destroy();
  });

  test('a trend needs some seconds, and looks back no further than a minute', () => {
    const arena = new Arena();
    const model = new Model();
    const trend = (): number | undefined =>
      model.view(arena.id)!.rows.find(({ stats }) => stats.name === 'C7')!.trend;
    model.add(replyAt(0));
    allocate(arena, 10);
    model.add(replyAt(5000));
    expect(trend()).toBeUndefined();
    model.add(replyAt(10_000));
    expect(trend()).toBe(60);
    for (let at = 12_000; at <= 80_000; at += 2000) model.add(replyAt(at));
    expect(trend()).toBe(0);
    arena.destroy();
  });

  test('keeps five minutes', () => {
    const model = new Model();
    for (let at = 0; at <= 400_000; at += 1000) model.add(replyAt(at));
    expect(model.history('all').map(({ at }) => at)).toEqual(
      Array.from({ length: 301 }, (_, i) => 100_000 + i * 1000),
    );
  });
});
