/**
 * Lines: statistics in the form of the allocator this one grew out of, each kind by its name.
 */
import { PROCESS_POLICY } from '../policy/state';
import { VALUES, VALUE_NAMES } from '../policy/values';
import type { ClassStats, HeapTotals } from './types';

/**
 * A kind of line of {@link formatHeapStats}, by the name that begins it.
 *
 * @example
 * const lines: StatsLine[] = ['HEAP_STATS', 'WARM'];
 */
export type StatsLine =
  | 'HEAP_STATS'
  | 'TINY_STATS'
  | 'C7_PAGE_STATS'
  | 'WARM'
  | 'FRONT'
  | 'SS_STATS'
  | 'BYTES'
  | 'MEM_STATS'
  | 'DECAY'
  | 'CACHE_STATS'
  | 'LOCK_STATS'
  | 'FAILURES'
  | 'POLICY'
  | 'SS_OS_STATS';

/** C0..C7 are numbered in the lines of old; the others keep their names. */
function rowLabel(name: string): string {
  return name.startsWith('C') ? name.slice(1) : name;
}

/** `name=1 other=2`. */
function fields(values: Readonly<Record<string, number | string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** One line for each class that was ever used. */
function byClass(
  kind: string,
  read: (row: ClassStats) => Readonly<Record<string, number>>,
): (stats: HeapTotals) => string[] {
  return ({ classes }) =>
    classes
      .filter(({ bins }) => bins.length > 0)
      .map((row) => `[${kind}] class=${rowLabel(row.name)} ${fields(read(row))}`);
}

function heapLines({ classes }: HeapTotals): string[] {
  return classes.map((row) => {
    const { fast, slow, frees, live, liveBytes, frontBlocks, freeBlocks, slabs } = row;
    const { refills, flushes, partialSlabs, highWater } = row;
    return `HEAP_STATS[${rowLabel(row.name)}] ${fields({
      fast,
      slow,
      frees,
      live,
      live_bytes: liveBytes,
      front: frontBlocks,
      free: freeBlocks,
      slabs,
      refills,
      flushes,
      partial: partialSlabs,
      high_water: highWater,
    })}`;
  });
}

function pageLine({ classes }: HeapTotals): string[] {
  const row = classes.find(({ name }) => name === 'C7');
  if (row === undefined) return [];
  const { pages } = row;
  const { bound, prepareFromPartial, prepareFromEmpty } = pages;
  return [
    `[C7_PAGE_STATS] ${fields({
      prepare_calls: bound + prepareFromPartial + prepareFromEmpty,
      prepare_with_current_null: pages.prepareWithCurrentNull,
      prepare_from_partial: prepareFromPartial,
      prepare_from_empty: prepareFromEmpty,
      current_dropped_to_partial: pages.currentDroppedToPartial,
      bound,
      retired: pages.retired,
      emptied: pages.emptied,
    })}`,
  ];
}

const superslabClasses = byClass('SS_STATS', ({ slabs, pages }) => ({
  live: slabs,
  empty_events: pages.emptied,
}));

function superslabLines(stats: HeapTotals): string[] {
  const { live, hot, draining, empties: empty, cached, adopted, released } = stats.superslabs;
  const detached = stats.detachedSlabs;
  const line = `[SS_STATS] ${fields({ live, empty, hot, draining, cached, adopted, released, detached })}`;
  return [line, ...superslabClasses(stats)];
}

function byteLine({ bytes }: HeapTotals): string[] {
  return [
    `[BYTES] ${fields({
      live: bytes.live,
      front: bytes.front,
      free_in_slab: bytes.freeInSlab,
      free_slabs: bytes.freeSlabs,
      slack: bytes.slack,
      committed: bytes.committed,
      cached: bytes.cached,
      metadata: bytes.metadata,
      mapped: bytes.mapped,
      pinned: bytes.pinned,
      given_away: bytes.givenAway,
    })}`,
  ];
}

/** What each floor holds, from the top. */
function memoryLine({ bytes }: HeapTotals): string[] {
  return [
    `[MEM_STATS] ${fields({
      user: bytes.live + bytes.slack,
      front: bytes.front,
      heap: bytes.freeInSlab,
      supply: bytes.freeSlabs,
      cache: bytes.cached,
      metadata: bytes.metadata,
      total: bytes.mapped,
    })}`,
  ];
}

/** What went back to the operating system by itself. */
function decayLine({ bytes, decay }: HeapTotals): string[] {
  return [
    `[DECAY] ${fields({
      dirty: bytes.dirty,
      decayed: decay.decayedBytes,
      purged: decay.purgedBytes,
      retaken: decay.retakenBytes,
      epochs: decay.epochs,
      turns: decay.turns,
      us: Math.round(decay.ms * 1000),
    })}`,
  ];
}

function failureLine({ failures }: HeapTotals): string[] {
  return [
    `[FAILURES] ${fields({
      os: failures.os,
      limit: failures.limit,
      retried: failures.retried,
      double_free: failures.doubleFrees,
      stale_free: failures.staleFrees,
      foreign_free: failures.foreignFrees,
    })}`,
  ];
}

function osLine({ os }: HeapTotals): string[] {
  return [
    `[SS_OS_STATS] ${fields({
      alloc: os.map,
      free: os.unmap,
      madvise: os.purge,
      madvise_enomem: os.purgeEnomem,
      madvise_other: os.purgeFailed,
      madvise_disabled: os.purgeDisabled ? 1 : 0,
    })}`,
  ];
}

function cacheLine({ cache }: HeapTotals): string[] {
  return [
    `[CACHE_STATS] ${fields({
      hits: cache.hits,
      misses: cache.misses,
      evicted_count: cache.evictedByCount,
      evicted_bytes: cache.evictedByBytes,
      expired: cache.expired,
      quarantined: cache.quarantined,
      arenas: cache.arenas,
      arenas_from_kept: cache.arenasFromKept,
    })}`,
  ];
}

/** What arenas go by of which nothing else is said. */
function policyLine(): string[] {
  const values = VALUE_NAMES.map((name) => {
    const value = PROCESS_POLICY.valueOf(name);
    return [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      VALUES[name].choices?.[value] ?? value,
    ];
  });
  return [`[POLICY] ${fields(Object.fromEntries(values) as Record<string, number | string>)}`];
}

/** Every kind of line, in the order in which they are printed. */
const LINES: Readonly<Record<StatsLine, (stats: HeapTotals) => string[]>> = {
  HEAP_STATS: heapLines,
  TINY_STATS: byClass('TINY_STATS', ({ stages, blocksOut, blocksIn }) => ({
    ...stages,
    blocks_out: blocksOut,
    blocks_in: blocksIn,
  })),
  C7_PAGE_STATS: pageLine,
  WARM: byClass('WARM', ({ warm }) => ({ ...warm })),
  FRONT: byClass('FRONT', ({ front, drains, drainedBlocks }) => ({
    cap: front.cap,
    batch: front.batch,
    to_bucket: front.toBucket,
    to_stack: front.toStack,
    dropped: front.dropped,
    refused: front.refused,
    drains,
    drained_blocks: drainedBlocks,
  })),
  SS_STATS: superslabLines,
  BYTES: byteLine,
  MEM_STATS: memoryLine,
  DECAY: decayLine,
  CACHE_STATS: cacheLine,
  LOCK_STATS: ({ locks }: HeapTotals) => [`[LOCK_STATS] ${fields({ ...locks })}`],
  FAILURES: failureLine,
  POLICY: policyLine,
  SS_OS_STATS: osLine,
};

export const ALL_LINES = Object.keys(LINES) as readonly StatsLine[];

/** What is printed unless asked otherwise. */
export const USUAL_LINES: readonly StatsLine[] = [
  'HEAP_STATS',
  'SS_STATS',
  'BYTES',
  'FAILURES',
  'SS_OS_STATS',
];

/** The lines of these kinds. */
export function linesOf(stats: HeapTotals, kinds: readonly StatsLine[]): string[] {
  return ALL_LINES.filter((kind) => kinds.includes(kind)).flatMap((kind) => LINES[kind](stats));
}
