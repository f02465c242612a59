/**
 * Sums: the equations that statistics must satisfy whenever the arena is quiet.
 *
 * Plain comparisons instead of `expect`, because this runs after every step of long runs.
 */
import type { ArenaStats, BinStats, ClassStats, HeapTotals } from '../../../lib/index';

const SLAB_BYTES = 64 * 1024;

type Row = Omit<BinStats, 'blockSize'>;

function equal(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${actual}, expected ${expected}`);
}

type Read = (row: Row) => number;

/** How to read every number of a row, those of its parts as `stages.os`; found out once. */
function readersOf(row: Row): readonly (readonly [string, Read])[] {
  return Object.entries(row).flatMap(([field, value]: [string, unknown]) => {
    const outer = (one: Row): unknown => one[field as keyof Row];
    if (typeof value === 'number') return [[field, outer as Read] as const];
    if (typeof value !== 'object' || Array.isArray(value)) return [];
    return Object.keys(value!).map((name) => {
      const inner: Read = (one) => (outer(one) as Record<string, number>)[name]!;
      return [`${field}.${name}`, inner] as const;
    });
  });
}

let readers: ReturnType<typeof readersOf> | undefined;

function checkRow(row: Row, name: string): void {
  for (const [field, read] of readers!) {
    const value = read(row);
    if (!(Number.isSafeInteger(value) && value >= 0))
      throw new Error(`${name}.${field} is ${value}`);
  }
  const { current, partial, empty, slot, cached, os } = row.stages;
  equal(row.slow, current + partial + empty + slot + cached + os, `${name}: slow = stages`);
  equal(
    row.blocksOut - row.blocksIn,
    row.live + row.frontBlocks + row.away + row.remoteBlocks,
    `${name}: blocksOut - blocksIn = live + frontBlocks + away + remoteBlocks`,
  );
  const { bound, retired, prepareFromPartial, prepareFromEmpty } = row.pages;
  const { hits, misses } = row.warm;
  if (bound > 0) equal(bound - retired, row.slabs, `${name}: bound - retired = slabs`);
  equal(prepareFromPartial + prepareFromEmpty + bound, hits + misses, `${name}: warm of prepared`);
  // Counted apart: a batch of the core stands behind each stage.
  equal(row.refills - row.warm.prefilled, row.slow, `${name}: refills - prefilled = slow`);
  equal(row.fast + row.slow, row.allocs, `${name}: fast + slow = allocs`);
  equal(row.local + row.remote, row.frees, `${name}: local + remote = frees`);
  equal(row.allocs - row.frees - row.away, row.live, `${name}: allocs - frees - away = live`);
  equal(
    row.live + row.frontBlocks + row.away + row.freeBlocks + row.remoteBlocks,
    row.capacity,
    `${name}: live + frontBlocks + away + freeBlocks + remoteBlocks = capacity`,
  );
  if (row.front.batch > 0) {
    equal(row.front.toBucket + row.front.toStack, row.local, `${name}: to bucket + stack = local`);
  }
  if (row.liveBytes > row.blockBytes) {
    throw new Error(`${name}: ${row.liveBytes} bytes live in blocks of ${row.blockBytes} bytes`);
  }
  if (row.partialSlabs > row.slabs) throw new Error(`${name}: more partial slabs than slabs`);
  if (row.highWater < row.live) throw new Error(`${name}: more live than ever before`);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

/** A class is the sum of its bins, field by field; those that were never used have nothing to add. */
function checkClass(row: ClassStats): void {
  readers ??= readersOf(row).filter(([field]) => field !== 'maxSize');
  if (row.bins.length === 0 && row.allocs + row.capacity + row.slow === 0) return;
  checkRow(row, row.name);
  const used = row.bins.filter((bin) => bin.allocs + bin.capacity + bin.slow > 0);
  for (const bin of used) {
    const name = `${row.name}/${bin.blockSize}`;
    checkRow(bin, name);
    if (bin.blockSize > 0) equal(bin.live * bin.blockSize, bin.blockBytes, `${name}: blockBytes`);
  }
  for (const [field, read] of readers) {
    let total = 0;
    for (const bin of used) total += read(bin);
    if (total !== read(row)) equal(total, read(row), `${row.name}.${field} over its bins`);
  }
}

/**
 * Throws an error that names the equation which does not hold.
 *
 * @param lostBytes - bytes of slabs that the arena gave up while others still held them.
 */
export function checkSums<T extends ArenaStats | HeapTotals>(stats: T, lostBytes = 0): T {
  const { bytes, classes } = stats;
  for (const row of classes) checkClass(row);
  equal(
    bytes.live + bytes.front + bytes.away + bytes.freeInSlab + bytes.freeSlabs + bytes.slack,
    bytes.committed,
    'live + front + away + freeInSlab + freeSlabs + slack = committed',
  );
  equal(
    bytes.committed + bytes.cached + bytes.metadata,
    bytes.mapped,
    'committed + cached + metadata = mapped',
  );
  equal(
    sum(classes, (row) => row.liveBytes),
    bytes.live,
    'bytes.live over the classes',
  );
  equal(
    sum(classes, (row) => row.slabs) * SLAB_BYTES + lostBytes,
    bytes.used,
    'slabs * 64 KB + lost = used',
  );
  if (bytes.used > bytes.committed) throw new Error('more bytes used than committed');
  return stats;
}

/** What an arena counts for itself: what other threads and arenas change as well is 0. */
export function ownStats(stats: ArenaStats): object {
  const { superslabs, bytes, lending } = stats;
  return {
    ...stats,
    os: 0,
    cache: 0,
    locks: 0,
    superslabs: { ...superslabs, cached: 0 },
    bytes: { ...bytes, cached: 0, mapped: 0 },
    lending: { ...lending, refused: 0 },
  };
}

/** All classes in one row. */
export interface Totals {
  readonly allocs: number;
  readonly frees: number;
  readonly live: number;
  readonly liveBytes: number;
  readonly slow: number;
}

/** Sums over all classes of statistics whose equations hold. */
export function totalsOf(stats: ArenaStats, lostBytes = 0): Totals {
  const { classes } = checkSums(stats, lostBytes);
  return {
    allocs: sum(classes, (row) => row.allocs),
    frees: sum(classes, (row) => row.frees),
    live: sum(classes, (row) => row.live),
    liveBytes: sum(classes, (row) => row.liveBytes),
    slow: sum(classes, (row) => row.slow),
  };
}

/** The row of a class by name. */
export function rowOf(stats: ArenaStats | HeapTotals, name: string): ClassStats {
  const row = stats.classes.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no class ${name}`);
  return row;
}
