/**
 * Statistics of what is away: every equation holds at every step.
 */
import { expect } from '@jest/globals';
import { Arena, adopt, heapStats, release } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { checkSums, rowOf } from '../support/sums';

const test = onlyNative('Buffers go to other threads with the addon only');

test('blocks away are counted until they have come back', () => {
  const arena = new Arena();
  const sizes = [100, 1000, 40_000, 300_000, 3_000_000];
  const rows = ['C4', 'C7', 'M5', 'run', 'huge'];
  const expectAway = (away: number, adopted: number): void => {
    const stats = checkSums(arena.stats());
    expect(stats.lending).toMatchObject({ away, adopted });
    rows.forEach((name) => expect(rowOf(stats, name).away).toBe(away / sizes.length));
    expect(stats.bytes.away > 0).toBe(away > 0);
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
    checkSums(heapStats().totals);
  };
  const views = sizes.map((size) => arena.alloc(size));
  expectAway(0, 0);
  const tickets = views.map((view) => arena.share(view));
  expectAway(5, 0);
  const adopted = tickets.map((ticket) => adopt(ticket));
  expectAway(5, 5);
  adopted.forEach((view) => release(view));
  expectAway(0, 5);
  const stats = arena.stats();
  for (const name of rows) {
    expect(rowOf(stats, name)).toMatchObject({ allocs: 1, frees: 1, local: 0, remote: 1, live: 0 });
  }
  expect(stats.lending).toMatchObject({ offered: 5, returned: 5, recalled: 0, revoked: 0 });
  arena.destroy();
});

test('a recall is an allocation, and what it takes back was freed here', () => {
  const arena = new Arena();
  const view = arena.recall(arena.share(arena.alloc(1000)))!;
  const stats = checkSums(arena.stats());
  expect(rowOf(stats, 'C7')).toMatchObject({ allocs: 2, frees: 1, local: 1, remote: 0, live: 1 });
  expect(stats.lending).toMatchObject({ offered: 1, recalled: 1, away: 0 });
  arena.free(view);
  arena.destroy();
});

test('what is away at a reset is lost to its class, and comes back all the same', () => {
  const arena = new Arena();
  const adopted = [100, 300_000].map((size) => adopt(arena.share(arena.alloc(size))));
  arena.share(arena.alloc(100));
  arena.reset();
  const lostBytes = 6 * 65_536;
  const stats = checkSums(arena.stats(), lostBytes);
  expect(stats.lending).toMatchObject({ offered: 3, revoked: 1, away: 2 });
  expect(stats.bytes).toMatchObject({ away: 0, slack: lostBytes });
  for (const view of adopted) release(view);
  const after = checkSums(arena.stats());
  expect(after.lending).toMatchObject({ away: 0, returned: 2 });
  expect(after.bytes.used).toBe(0);
  arena.destroy();
});

test('refused tickets are counted', () => {
  const before = heapStats().totals.lending.refused;
  for (let i = 0; i < 10; i++) expect(() => adopt(i)).toThrow();
  expect(heapStats().totals.lending.refused).toBe(before + 10);
});
