// random_mixed: the bench that the arena's C ancestor was tuned on; its random numbers are made while
// the clock runs. bench/c/cases/random_mixed.c is the same in C.

import { type Case, type Figures, faster, NS_PER_STEP, PEAK_RSS } from '../case';
import { nextRandom, SEED } from '../random';
import { BUFFER_RIVALS, makeRival, type Rival, type Touchable } from '../rivals';
import { makeOld } from '../timing';
import { type Live, noneLive } from '../trace';

const SLOTS = 256;
const MIN = 16;
const MAX = 1040;
const WARM_UP_SEED_OFFSET = 0xdeadbeef;

export interface Mix {
  readonly iterations: number;
  readonly slots: number;
  readonly seed: number;
  readonly min: number;
  readonly max: number;
}

function play(mix: Mix, live: Live, rival: Rival, iterations: number, seed: number): number {
  const { slots, min, max } = mix;
  let random = seed;
  let sum = 0;
  for (let i = 0; i < iterations; i++) {
    random = nextRandom(random);
    const slot = random % slots;
    const old = live[slot] as Touchable | null;
    if (old !== null) {
      sum += old[0]!;
      rival.free(old);
      live[slot] = null;
    } else {
      const size = Math.min(Math.max(16 + (random & 0x3ff), min), max);
      const view = rival.alloc(size);
      view[0] = random;
      live[slot] = view;
    }
  }
  return sum;
}

function freeAll(live: Live, rival: Rival): void {
  for (let slot = 0; slot < live.length; slot++) {
    const old = live[slot];
    if (old) rival.free(old);
    live[slot] = null;
  }
}

/** Warm-up of a tenth, then the run and the last frees: nanoseconds per iteration. */
export function playRandomMixed(mix: Mix, rival: Rival): number {
  const { iterations, seed } = mix;
  const live = noneLive(mix.slots);
  play(mix, live, rival, Math.floor(iterations / 10), (seed + WARM_UP_SEED_OFFSET) >>> 0);
  makeOld();
  const start = performance.now();
  play(mix, live, rival, iterations, seed);
  freeAll(live, rival);
  return ((performance.now() - start) * 1e6) / iterations;
}

const mixOf = (quick: boolean): Mix => ({
  iterations: quick ? 20_000 : 10_000_000,
  slots: SLOTS,
  seed: SEED,
  min: MIN,
  max: MAX,
});

async function playRival(rivalName: string, quick: boolean): Promise<Figures> {
  const rival = await makeRival(rivalName, { bytes: SLOTS * MAX + 2 ** 20 });
  return { ns: playRandomMixed(mixOf(quick), rival) };
}

export const randomMixed: Case = {
  name: 'random-mixed',
  about: `${MIN}..${MAX} B at random, ${SLOTS} slots, 10 million iterations`,
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: BUFFER_RIVALS,
  targets: faster({ 'Buffer.allocUnsafe': 2.5 }),
  play: playRival,
  inC: (quick) => {
    const { iterations, slots, seed, min, max } = mixOf(quick);
    return ['random_mixed', iterations, slots, seed, min, max];
  },
};

/** The most that the guard may cost a program that makes no mistakes: 3 %. */
export const modes: Case = {
  name: 'modes',
  about: 'random_mixed with one allocation in 1000 guarded, and without',
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: ['arena, guard 1/1000', 'arena'],
  targets: faster({ arena: 1 / 1.03 }),
  play: playRival,
};

const playFewer = async (rivalName: string, quick: boolean): Promise<Figures> => {
  const rival = await makeRival(rivalName, { bytes: 0 });
  return { ns: playRandomMixed({ ...mixOf(quick), iterations: quick ? 2000 : 1_000_000 }, rival) };
};

/** What the modes cost that are meant for tests, and those that are seldom on. */
export const otherModes: Case = {
  name: 'other-modes',
  about: 'random_mixed with each mode that finds mistakes, 1 million iterations',
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: [
    'arena',
    'arena, guard 1/100',
    'arena, guard 1/1',
    'arena, leaks sampled',
    'arena, leaks all',
    'arena, fresh views',
    'arena, zero on free',
  ],
  targets: [],
  play: playFewer,
};
