/**
 * Learned strides: what the learner decides on lengths that are known, without an arena.
 */
import { describe, expect, test } from '@jest/globals';
import type { Length } from '../../../lib/learn/report';
import { STRIDES_MAX, StrideLearner, type Strides } from '../../../lib/learn/strides';
import { native } from '../../../lib/native/native';

const live = (length: number, count: number): Length => ({
  from: length,
  to: length,
  allocs: count,
  live: count,
  liveBytes: count * length,
});

/** What was added and retired, in its order; classes as an arena has them. */
class World implements Strides {
  sizeClasses = [...native.tables.defaultStrides];
  readonly log: string[] = [];
  spare = 17;

  addClass(stride: number, atMs: number): boolean {
    if (this.spare === 0) return false;
    this.spare--;
    this.sizeClasses = [...this.sizeClasses, stride].sort((a, b) => a - b);
    this.log.push(`+${stride} @${atMs}`);
    return true;
  }

  retireClass(stride: number): void {
    this.spare++;
    this.sizeClasses = this.sizeClasses.filter((one) => one !== stride);
    this.log.push(`-${stride}`);
  }

  settleClasses(): void {
    // Nothing is kept here.
  }
}

interface Player {
  step(lengths: readonly Length[], atMs: number): void;
}

/** Plays periods of the same lengths. */
function play(learner: Player, periods: number, lengths: readonly Length[], from = 0): void {
  for (let i = 0; i < periods; i++) learner.step(lengths, (from + i + 1) * 1000);
}

function begin(): { world: World; learner: Player } {
  const world = new World();
  const learner = new StrideLearner();
  return { world, learner: { step: (lengths, atMs) => learner.step(world, lengths, atMs) } };
}

const HOT = [live(1024, 10_000), live(33_100, 1000)];

describe('a stride', () => {
  test('is added when it would have saved enough for three periods in a row', () => {
    const { world, learner } = begin();
    play(learner, 2, HOT);
    expect(world.log).toEqual([]);
    play(learner, 1, HOT, 2);
    expect(world.log).toEqual(['+34944 @3000']);
    play(learner, 50, HOT, 3);
    expect(world.log).toHaveLength(1);
  });

  test('is not added for lengths that came and went within three periods', () => {
    const { world, learner } = begin();
    for (let i = 0; i < 30; i++) play(learner, 1, i % 3 === 2 ? [live(1024, 10_000)] : HOT);
    expect(world.log).toEqual([]);
  });

  test('is not added for less than 0.5 % of what is live, nor for less than half a span', () => {
    const { world, learner } = begin();
    play(learner, 20, [live(33_100, 1000), live(65_536, 8000)]);
    play(learner, 20, [live(33_100, 100)]);
    expect(world.log).toEqual([]);
  });

  test('is not added for lengths of which only the class is known', () => {
    const { world, learner } = begin();
    const unknown = { from: 32_769, to: 37_440, allocs: 1000, live: 1000, liveBytes: 33_100_000 };
    play(learner, 20, [unknown]);
    expect(world.log).toEqual([]);
  });

  test('retires when it saved too little for ten periods in a row', () => {
    const { world, learner } = begin();
    play(learner, 3, HOT);
    const few = [live(1024, 10_000), live(33_100, 20)];
    play(learner, 9, few);
    play(learner, 1, HOT);
    play(learner, 9, few);
    expect(world.log).toHaveLength(1);
    play(learner, 1, few);
    expect(world.log).toEqual(['+34944 @3000', '-34944']);
  });

  test('stays as long as it saves a quarter of what it had to save, also by lengths nobody counts', () => {
    const { world, learner } = begin();
    play(learner, 3, HOT);
    play(learner, 30, [live(1024, 10_000), live(33_100, 60)]);
    const known = { from: 32_769, to: 34_944, allocs: 60, live: 60, liveBytes: 60 * 33_100 };
    play(learner, 30, [live(1024, 10_000), known]);
    expect(world.log).toHaveLength(1);
  });
});

/** Lengths that each are in a class of their own, which wastes a tenth of it or so. */
const APART = [9_300, 10_200, 11_000, 12_000, 13_200, 14_700, 15_500, 16_500, 17_000, 18_900];
const MORE = [20_400, 22_100, 24_100, 26_500, 29_500, 33_100, 37_900, 44_000];

describe('all strides together', () => {
  test('are no more than sixteen, four at a time, those that save most first', () => {
    const { world, learner } = begin();
    play(
      learner,
      3,
      [...APART, ...MORE].map((length) => live(length, 1000)),
    );
    expect(world.log).toHaveLength(4);
    expect(world.log[0]).toMatch(/^\+4/);
    play(
      learner,
      20,
      [...APART, ...MORE].map((length) => live(length, 1000)),
      3,
    );
    expect(world.log.length).toBeLessThanOrEqual(STRIDES_MAX);
    expect(world.log.every((line) => line.startsWith('+'))).toBe(true);
  });

  test('give way to those that save much more, before they are useless for ten periods', () => {
    const { world, learner } = begin();
    play(
      learner,
      10,
      [...APART, ...MORE].map((length) => live(length, 1000)),
    );
    expect(world.log).toHaveLength(16);
    const short = [
      1110, 1180, 1260, 1380, 1500, 1650, 1820, 2060, 2190, 2350, 2530, 2740, 3000, 3280,
    ];
    play(
      learner,
      7,
      short.map((length) => live(length, 20_000)),
      10,
    );
    expect(world.log.slice(16).filter((line) => line.startsWith('-'))).toHaveLength(14);
    expect(world.sizeClasses).toHaveLength(79 + 16);
  });

  test('wait when there is no room for one, and try again', () => {
    const { world, learner } = begin();
    world.spare = 0;
    play(learner, 5, HOT);
    expect(world.log).toEqual([]);
    world.spare = 1;
    play(learner, 1, HOT, 5);
    expect(world.log).toEqual(['+34944 @6000']);
  });

  test('are added more and more seldom where they turn out wrong', () => {
    const { world, learner } = begin();
    let at = 0;
    const adds: number[] = [];
    for (let i = 0; i < 600; i++) {
      const isThere = world.sizeClasses.includes(34_944);
      const before = world.log.length;
      play(learner, 1, isThere ? [live(1024, 10_000)] : HOT, at++);
      if (world.log.length > before && world.log.at(-1)!.startsWith('+')) adds.push(i);
    }
    const gaps = adds.slice(1).map((one, i) => one - adds[i]!);
    expect(gaps.length).toBeGreaterThan(3);
    for (let i = 1; i < gaps.length; i++) expect(gaps[i]).toBeGreaterThan(gaps[i - 1]!);
  });

  test('follow from the lengths alone', () => {
    const logs = [1, 2].map(() => {
      const { world, learner } = begin();
      for (let i = 0; i < 100; i++) {
        play(
          learner,
          1,
          APART.map((length) => live(length + 300 * (i >> 5), 900)),
          i,
        );
      }
      return world.log;
    });
    expect(logs[0]!.length).toBeGreaterThan(4);
    expect(logs[0]).toEqual(logs[1]);
  });
});
