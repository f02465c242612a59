// Micro: allocate, write a byte, free, and nothing else live; timed by benchmark.js.

import Benchmark from 'benchmark';
import { type Case, NS_PER_STEP, PEAK_RSS } from '../case';
import { BUFFER_RIVALS, makeRival, type Rival } from '../rivals';

const SIZES = [16, 256, 1024, 8192, 32768, 2 ** 20];

/** Seconds in which benchmark.js takes its samples. */
const SECONDS = 0.6;

function pair(rival: Rival, bytes: number): () => void {
  return () => {
    const view = rival.alloc(bytes);
    view[0] = 1;
    rival.free(view);
  };
}

function nsOf(test: () => void, quick: boolean): number {
  const limits = quick
    ? { maxTime: 0, minSamples: 1, minTime: 0.001, initCount: 1 }
    : { maxTime: SECONDS };
  const benchmark = new Benchmark('pair', test, limits).run();
  const error = benchmark.error as Error | undefined;
  if (error) throw error;
  return benchmark.stats.mean * 1e9;
}

export const micro: readonly Case[] = SIZES.map((bytes) => ({
  name: `pair-${bytes}`,
  about: `allocate and free ${bytes} B, nothing else live`,
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: BUFFER_RIVALS,
  targets: [],
  play: async (rivalName, quick) => {
    const rival = await makeRival(rivalName, { bytes: 4 * bytes + 2 ** 20 });
    return { ns: nsOf(pair(rival, bytes), quick) };
  },
}));
