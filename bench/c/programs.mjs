// Programs that others have tried allocators with, as cases (bench/c/programs; cases.mjs says what a case
// has). Tests play the quick runs in builds that check every byte (tools/test/programs-c.mjs).

const MIB = 2 ** 20;

const inThreads = (threads) => `${threads} thread${threads > 1 ? 's' : ''}`;

function allocTest(threads) {
  return {
    name: `alloc-test-${threads}`,
    about: `8..1023 B, sizes and lifetimes by power laws, 1 million slots, ${inThreads(threads)}`,
    full: ['alloc_test', threads, 10_000_000, 20, 6],
    quick: ['alloc_test', threads, 200_000, 14, 6],
    threads: true,
  };
}

function xmalloc(threads) {
  return {
    name: `xmalloc-${threads}`,
    about: `8..768 B, ${inThreads(threads)}: half allocate, half free, by a queue of batches`,
    full: ['xmalloc', threads, 4_000_000 / threads],
    quick: ['xmalloc', threads, 20_000],
    threads: true,
  };
}

function mstress(threads) {
  return {
    name: `mstress-${threads}`,
    about: `8 B..64 KB, 50 rounds of ${inThreads(threads)}, blocks outlive them`,
    full: ['mstress', threads, 5000, 50],
    quick: ['mstress', threads, 300, 3],
    columns: { 'RSS after': 'rssEnd' },
    threads: true,
  };
}

function cacheLines(program, what) {
  return {
    name: program.replace('_', '-'),
    about: `8 B, 2 threads, ${what}`,
    full: [program, 2, 2000, 8, 2500],
    quick: [program, 2, 100, 8, 10],
    threads: true,
  };
}

export const PROGRAMS = [
  ...[1, 2, 4].map(allocTest),
  ...[2, 4].map(xmalloc),
  ...[2, 8].map(mstress),
  {
    name: 'cfrac',
    about: '8..22 B, arithmetic: every result a block, most freed after a few',
    full: ['cfrac', 5_000_000],
    quick: ['cfrac', 3000],
  },
  {
    name: 'espresso',
    about: '8 B..4 KB, complements of covers: nests freed from the inside out',
    full: ['espresso', 200, 40],
    quick: ['espresso', 1, 30],
  },
  cacheLines('cache_thrash', 'each writes 2,500 times all over a block and frees it'),
  cacheLines('cache_scratch', 'the same after both freed a block of the main thread'),
  {
    name: 'thread-births',
    about: '4000 threads of 64 KB, 4 at a time, half of which the main thread frees later',
    full: ['thread_births', 4000, 4, 65_536],
    quick: ['thread_births', 40, 4, 16_384],
    traced: ['thread_births', 400, 4, 65_536],
    columns: { 'RSS after': 'rssEnd' },
    threads: true,
  },
  {
    name: 'left-behind',
    about: '200 threads leave 1 MB each, the main thread frees it and allocates as much',
    full: ['left_behind', 200, MIB],
    quick: ['left_behind', 5, MIB / 8],
    columns: { 'RSS after': 'rssEnd' },
    threads: true,
  },
  {
    name: 'fork-storm',
    about: '16 MB, 200 children one after another that free half of it',
    full: ['fork_storm', 200, 0, 16 * MIB],
    quick: ['fork_storm', 3, 0, MIB],
    traced: ['fork_storm', 10, 0, 16 * MIB],
  },
  {
    name: 'fork-storm-busy',
    about: 'the same while 2 threads allocate and free',
    full: ['fork_storm', 200, 2, 16 * MIB],
    quick: ['fork_storm', 3, 2, MIB],
    traced: ['fork_storm', 10, 2, 16 * MIB],
    threads: true,
  },
  {
    name: 'address-limit',
    about: '256 MB of address space filled with one of six sizes after another',
    full: ['address_limit', 256 * MIB],
    quick: ['address_limit', 32 * MIB],
    columns: { 'least until refused': 'least', 'half as one block': 'large' },
  },
];
