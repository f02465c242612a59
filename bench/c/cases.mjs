// Cases as the programs take them (bench/c/main.c). Each has
//   full, quick   arguments for a run that counts, and for one that only shows that it runs
//   traced        arguments for the run in which system calls are counted, when not `full`
//   only          rivals that can play it, when not all
//   quickRows     allocations of the quick run in rows C0..C7, where they are known to the unit
//   columns       figures that only this case has, in bytes
//   isCurve       its figures are picoseconds by length: its table is that of bench/c/curve.mjs
//   threads       it has threads, which ThreadSanitizer is to see in the quick run (tools/test/programs-c.mjs)

import { PROGRAMS } from './programs.mjs';

const MIXED_SEED = 1234567;
const STEPS = 1_000_000;
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

function randomMixed(slots, quick, quickRows) {
  return {
    name: `random-mixed-${slots}`,
    about: `16..1024 B at random, ${slots} slots, 10 million iterations`,
    full: ['random_mixed', 10_000_000, slots, MIXED_SEED, 16, 1024],
    quick: ['random_mixed', quick, slots, 1, 16, 1024],
    quickRows,
  };
}

function trace(name, about, min, max) {
  return {
    name,
    about: `${about}, 400 slots, from a prepared trace`,
    full: ['trace', STEPS, 20, min, max],
    quick: ['trace', 20_000, 1, min, max],
  };
}

function midLarge(name, threads, cycles, about) {
  return {
    name: `${name}-${threads}`,
    about: `8..34 KB, 2048 slots, ${threads} thread${threads > 1 ? 's' : ''}, ${about}`,
    full: ['mid_large', threads, cycles, 2048, 42],
    quick: ['mid_large', threads, 2_000, 256, 42],
    threads: threads > 1,
  };
}

function larson(threads) {
  return {
    name: `larson-${threads}`,
    about: `8..1000 B, 5000 blocks per thread, ${threads} thread${threads > 1 ? 's' : ''} at a time`,
    full: ['larson', 1000, 8, 1000, 5000, 100, 4141, threads],
    quick: ['larson', 10, 8, 1000, 100, 10, 4141, threads],
    threads: true,
  };
}

function ladder(megabytes, kilobytes, rounds) {
  return {
    name: `realloc-ladder-${megabytes}`,
    about: `a block grown to ${megabytes} MB in steps of ${kilobytes} KB, each written`,
    full: ['realloc_ladder', rounds, megabytes * MIB, kilobytes * KIB],
    quick: ['realloc_ladder', 1, 16 * kilobytes * KIB, kilobytes * KIB],
  };
}

export const CASES = [
  randomMixed(256, 20_000, [0, 10, 148, 341, 720, 1414, 2749, 5683]),
  randomMixed(400, 1_000_000, [0, 523, 8757, 17253, 34764, 68835, 137297, 282671]),
  trace('service-mix', '64, 128, 188, 256, 512, 1316, 1500 and 4096 B', 0, 0),
  trace('uniform', '16..1024 B', 16, 1024),
  ...[16, 256, 1024, 8192, 32768].map((b) => trace(`fixed-${b}`, `always ${b} B`, b, b)),
  midLarge('mid-large', 1, 40_000, '40,000 cycles from a cold start'),
  midLarge('mid-large', 2, 40_000, '40,000 cycles each from a cold start'),
  midLarge('mid-large-long', 1, 4_000_000, '4 million cycles'),
  midLarge('mid-large-long', 2, 4_000_000, '4 million cycles each'),
  ...[1, 2, 4, 8].map(larson),
  {
    name: 'handover',
    about: '16..1024 B, one thread allocates, another one frees: every free is remote',
    full: ['handover', 5_000_000, 16, 1024],
    quick: ['handover', 20_000, 16, 1024],
    threads: true,
  },
  {
    name: 'phases',
    about: '200 MB of one size, touched, freed by another thread, then the next of ten sizes',
    full: ['phases', 200 * 2 ** 20],
    quick: ['phases', 2 ** 20],
    threads: true,
    columns: { 'RSS after': 'rssEnd' },
  },
  {
    name: 'burst',
    about: '1 to 32 KB up to 1 GB in all, touched, freed, trimmed',
    full: ['burst', GIB],
    quick: ['burst', GIB / 64],
    columns: { 'RSS before': 'rssStart', freed: 'rssFreed', trimmed: 'rssTrimmed' },
  },
  ladder(10, 64, 20),
  ladder(200, 1024, 1),
  {
    name: 'large-churn',
    about: '4 MB allocated, written and freed, 1,000 times',
    full: ['large_churn', 1000, 4 * MIB],
    quick: ['large_churn', 10, 4 * MIB],
  },
  {
    name: 'malloc-large-like',
    about: '5..25 MB, 20 slots, 1,000 steps: free one, write a new one',
    full: ['malloc_large', 1000, 5, 25],
    quick: ['malloc_large', 20, 5, 6],
    columns: { RSS: 'rss' },
  },
  {
    name: 'curve',
    about:
      'one block allocated, touched and freed, of every eighth of a doubling to 1 GB: ns a pair',
    full: ['curve', 200, 64 * KIB, GIB],
    quick: ['curve', 2, 64 * KIB, MIB],
    traced: ['curve', 20, 64 * KIB, GIB],
    isCurve: true,
  },
  {
    name: 'cycles',
    about: 'create a heap, allocate 100 blocks, free 50, destroy it: 100,000 times',
    full: ['cycles', 100_000],
    quick: ['cycles', 100],
    traced: ['cycles', 1000],
    columns: {
      'RSS before': 'rssStart',
      'RSS after': 'rssEnd',
      'mapped before': 'mappedStart',
      'mapped after': 'mappedEnd',
    },
    only: ['hakmem', 'mimalloc-heap'],
  },
  ...PROGRAMS,
];
