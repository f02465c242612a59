// A/B: the front on and off, on what the arena's C ancestor was compared on: `npm run bench -- ab`. The result is
// docs/TINY_HEAP_V2_EVALUATION.md. System calls are those for memory, of the whole run.

import { heapStats } from 'hakmem-arena';
import { type Case, type Figures, NS_PER_STEP, PEAK_RSS } from '../case';
import { nextRandom, SEED } from '../random';
import { makeRival, type Rival, type RivalName } from '../rivals';
import { noneLive } from '../trace';
import { playRandomMixed } from './random-mixed';

const RIVALS: readonly RivalName[] = ['arena', 'arena, no views kept', 'arena, no front'];
const METRICS = [NS_PER_STEP, { name: 'system calls', unit: '' } as const, PEAK_RSS];
const STEPS = 2_000_000;
const QUICK_STEPS = 5_000;

/** Nanoseconds per step. */
type Play = (rival: Rival, steps: number) => number;

function systemCalls(): number {
  const { map, mapMetadata, unmap, unmapMetadata, purge } = heapStats().totals.os;
  return map + mapMetadata + unmap + unmapMetadata + purge;
}

function abCase(name: string, about: string, play: Play): Case {
  return {
    name: `ab-${name}`,
    about: `The front on and off: ${about}`,
    metrics: METRICS,
    rivals: RIVALS,
    targets: [],
    play: async (rivalName, quick): Promise<Figures> => {
      const rival = await makeRival(rivalName, { bytes: 0 });
      const ns = play(rival, quick ? QUICK_STEPS : STEPS);
      return { ns, 'system calls': systemCalls() };
    },
  };
}

/** The ancestor's random_mixed, whose lengths are cut to a range. */
function mixedCase(name: string, min: number, max: number): Case {
  const about = `random_mixed, ${min}..${max} B, 256 slots`;
  return abCase(name, about, (rival, iterations) =>
    playRandomMixed({ iterations, slots: 256, seed: SEED, min, max }, rival),
  );
}

/** Each step frees what is in a random slot and allocates another length in its place, as larson does. */
function replacing(slots: number, min: number, max: number): Play {
  return (rival, steps) => {
    const live = noneLive(slots);
    let random = SEED;
    const round = (count: number): void => {
      for (let i = 0; i < count; i++) {
        random = nextRandom(random);
        const slot = random % slots;
        const old = live[slot];
        if (old) rival.free(old);
        random = nextRandom(random);
        const view = rival.alloc(min + (random % (max - min + 1)));
        view[0] = random;
        live[slot] = view;
      }
    };
    round(Math.floor(steps / 10));
    const start = performance.now();
    round(steps);
    return ((performance.now() - start) * 1e6) / steps;
  };
}

const fixed = [128, 256, 512, 1024].map((bytes) =>
  abCase(`fixed-${bytes}`, `always ${bytes} B, 400 slots`, replacing(400, bytes, bytes)),
);

const larson = '8..1000 B, 1,000 slots, each step a free and an allocation';

export const abCases: readonly Case[] = [
  ...fixed,
  mixedCase('mixed-c7', 513, 1024),
  mixedCase('mixed-8-128', 8, 128),
  mixedCase('mixed-129-1024', 129, 1024),
  mixedCase('mixed-257-768', 257, 768),
  mixedCase('mixed-full', 16, 1040),
  abCase('larson', larson, replacing(1000, 8, 1000)),
  abCase('mid-large', '8..32 KB, 256 slots, the same', replacing(256, 8192, 32_768)),
];
