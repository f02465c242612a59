/**
 * Statistics: the core's flat numbers as the public structures.
 *
 * Written to be fast, because monitoring asks often: sums are made in flat arrays, and every structure
 * is one object literal.
 */
import { native } from './native';
import {
  type ArenaRecord,
  BIN_FIELDS,
  type Snapshot,
  arenaOffset,
  binOffset,
  processOffset,
  readArena,
  readHeap,
} from './snapshot';
import type {
  ArenaStats,
  BinStats,
  ByteStats,
  ClassStats,
  FailureStats,
  HeapStats,
  HeapTotals,
  OsStats,
  SuperSlabStats,
} from './stats-types';

const { rowNames, rowSizes, statsVersion } = native.tables;

const ALLOCS = binOffset('allocs');
const SLOW = binOffset('slow');
const REFILLS = binOffset('refills');
const FLUSHES = binOffset('flushes');
const LOCAL = binOffset('frees_local');
const REMOTE = binOffset('frees_remote');
const LIVE = binOffset('live');
const LIVE_BYTES = binOffset('live_bytes');
const BLOCK_BYTES = binOffset('block_bytes');
const FRONT_BLOCKS = binOffset('front_blocks');
const FREE_BLOCKS = binOffset('free_blocks');
const REMOTE_BLOCKS = binOffset('remote_blocks');
const CAPACITY = binOffset('capacity');
const SLABS = binOffset('slabs');
const PARTIAL_SLABS = binOffset('partial_slabs');
const HIGH_WATER = binOffset('high_water');

// --- Bins and classes -----------------------------------------------------------------------------

function readBin(v: Float64Array, at: number, blockSize: number): BinStats {
  return {
    blockSize,
    allocs: v[at + ALLOCS]!,
    fast: v[at + ALLOCS]! - v[at + SLOW]!,
    slow: v[at + SLOW]!,
    refills: v[at + REFILLS]!,
    flushes: v[at + FLUSHES]!,
    frees: v[at + LOCAL]! + v[at + REMOTE]!,
    local: v[at + LOCAL]!,
    remote: v[at + REMOTE]!,
    live: v[at + LIVE]!,
    liveBytes: v[at + LIVE_BYTES]!,
    blockBytes: v[at + BLOCK_BYTES]!,
    frontBlocks: v[at + FRONT_BLOCKS]!,
    freeBlocks: v[at + FREE_BLOCKS]!,
    remoteBlocks: v[at + REMOTE_BLOCKS]!,
    capacity: v[at + CAPACITY]!,
    slabs: v[at + SLABS]!,
    partialSlabs: v[at + PARTIAL_SLABS]!,
    highWater: v[at + HIGH_WATER]!,
  };
}

function readClass(
  v: Float64Array,
  at: number,
  row: number,
  bins: readonly BinStats[],
): ClassStats {
  return {
    name: rowNames[row]!,
    maxSize: rowSizes[row]!,
    allocs: v[at + ALLOCS]!,
    fast: v[at + ALLOCS]! - v[at + SLOW]!,
    slow: v[at + SLOW]!,
    refills: v[at + REFILLS]!,
    flushes: v[at + FLUSHES]!,
    frees: v[at + LOCAL]! + v[at + REMOTE]!,
    local: v[at + LOCAL]!,
    remote: v[at + REMOTE]!,
    live: v[at + LIVE]!,
    liveBytes: v[at + LIVE_BYTES]!,
    blockBytes: v[at + BLOCK_BYTES]!,
    frontBlocks: v[at + FRONT_BLOCKS]!,
    freeBlocks: v[at + FREE_BLOCKS]!,
    remoteBlocks: v[at + REMOTE_BLOCKS]!,
    capacity: v[at + CAPACITY]!,
    slabs: v[at + SLABS]!,
    partialSlabs: v[at + PARTIAL_SLABS]!,
    highWater: v[at + HIGH_WATER]!,
    bins,
  };
}

function addFields(target: Float64Array, to: number, source: Float64Array, from: number): void {
  for (let i = 0; i < BIN_FIELDS; i++) target[to + i]! += source[from + i]!;
}

/** The rows that the next reading fills. */
const rowSums = new Float64Array(rowNames.length * BIN_FIELDS);

/** Most arenas use few classes: the others are the same for all of them. */
const unusedClasses = rowNames.map((_, row) =>
  Object.freeze(readClass(rowSums, row * BIN_FIELDS, row, Object.freeze<BinStats[]>([]))),
);

type BinsByRow = (BinStats[] | undefined)[];

function classesFrom(sums: Float64Array, bins: BinsByRow): ClassStats[] {
  const classes = unusedClasses.slice();
  for (let row = 0; row < classes.length; row++) {
    const ofRow = bins[row];
    if (ofRow !== undefined) classes[row] = readClass(sums, row * BIN_FIELDS, row, ofRow);
  }
  return classes;
}

function pushBin(bins: BinsByRow, row: number, bin: BinStats): void {
  const ofRow = bins[row];
  if (ofRow === undefined) bins[row] = [bin];
  else ofRow.push(bin);
}

function noBins(): BinsByRow {
  return new Array<BinStats[] | undefined>(rowNames.length).fill(undefined);
}

function readClasses(values: Float64Array, record: ArenaRecord): ClassStats[] {
  const bins = noBins();
  const { blockSizes, rows } = record.identity;
  rowSums.fill(0);
  for (let i = 0, at = record.binsAt; i < record.binCount; i++, at += 1 + BIN_FIELDS) {
    const index = values[at]!;
    const row = rows[index]!;
    pushBin(bins, row, readBin(values, at + 1, blockSizes[index]!));
    addFields(rowSums, row * BIN_FIELDS, values, at + 1);
  }
  return classesFrom(rowSums, bins);
}

/** An allocation is counted after the native call that it needed, and both are read at work. */
function settle({ values, arenas }: Snapshot): void {
  for (const { binsAt, binCount } of arenas) {
    for (let i = 0, at = binsAt + 1; i < binCount; i++, at += 1 + BIN_FIELDS) {
      if (values[at + SLOW]! > values[at + ALLOCS]!) values[at + SLOW] = values[at + ALLOCS]!;
    }
  }
}

// --- The rest of an arena, and of the process -----------------------------------------------------

const OS = {
  map: processOffset('os_map'),
  mapFailed: processOffset('os_map_failed'),
  unmap: processOffset('os_unmap'),
  unmapFailed: processOffset('os_unmap_failed'),
  purge: processOffset('os_purge'),
  purgeEnomem: processOffset('os_purge_enomem'),
  purgeFailed: processOffset('os_purge_failed'),
  purgeDisabled: processOffset('os_purge_disabled'),
} as const;

const NOW_NS = processOffset('now_ns');
const CACHED_SUPERSLABS = processOffset('superslabs_cached');
const CACHED_BYTES = processOffset('bytes_cached');

const SUPERSLABS_LIVE = arenaOffset('superslabs_live');
const SUPERSLABS_EMPTIES = arenaOffset('superslabs_empties');
const SUPERSLABS_ADOPTED = arenaOffset('superslabs_adopted');
const BYTES_LIVE = arenaOffset('bytes_live');
const BYTES_FRONT = arenaOffset('bytes_front');
const BYTES_FREE_IN_SLAB = arenaOffset('bytes_free_in_slab');
const BYTES_FREE_SLABS = arenaOffset('bytes_free_slabs');
const BYTES_SLACK = arenaOffset('bytes_slack');
const BYTES_COMMITTED = arenaOffset('bytes_committed');
const BYTES_PINNED = arenaOffset('bytes_pinned');
const BYTES_USED = arenaOffset('bytes_used');
const BYTES_MAX = arenaOffset('bytes_max');
const FAILURES_OS = arenaOffset('failures_os');
const FAILURES_LIMIT = arenaOffset('failures_limit');
const DOUBLE_FREES = arenaOffset('double_frees');
const DETACHED_SLABS = arenaOffset('detached_slabs');

function readOs(v: Float64Array): OsStats {
  return {
    map: v[OS.map]!,
    mapFailed: v[OS.mapFailed]!,
    unmap: v[OS.unmap]!,
    unmapFailed: v[OS.unmapFailed]!,
    purge: v[OS.purge]!,
    purgeEnomem: v[OS.purgeEnomem]!,
    purgeFailed: v[OS.purgeFailed]!,
    purgeDisabled: v[OS.purgeDisabled] !== 0,
  };
}

function readBytes(v: Float64Array, at: number): ByteStats {
  const committed = v[at + BYTES_COMMITTED]!;
  const cached = v[CACHED_BYTES]!;
  return {
    live: v[at + BYTES_LIVE]!,
    front: v[at + BYTES_FRONT]!,
    freeInSlab: v[at + BYTES_FREE_IN_SLAB]!,
    freeSlabs: v[at + BYTES_FREE_SLABS]!,
    slack: v[at + BYTES_SLACK]!,
    committed,
    cached,
    mapped: committed + cached,
    pinned: v[at + BYTES_PINNED]!,
    used: v[at + BYTES_USED]!,
  };
}

function readSuperSlabs(v: Float64Array, at: number): SuperSlabStats {
  return {
    live: v[at + SUPERSLABS_LIVE]!,
    cached: v[CACHED_SUPERSLABS]!,
    empties: v[at + SUPERSLABS_EMPTIES]!,
    adopted: v[at + SUPERSLABS_ADOPTED]!,
  };
}

function readFailures(v: Float64Array, at: number): FailureStats {
  return {
    os: v[at + FAILURES_OS]!,
    limit: v[at + FAILURES_LIMIT]!,
    doubleFrees: v[at + DOUBLE_FREES]!,
  };
}

function readRecord(v: Float64Array, record: ArenaRecord, os: OsStats): ArenaStats {
  const at = record.fieldsAt;
  return {
    version: statsVersion,
    id: record.identity.serial,
    name: record.identity.name,
    maxBytes: v[at + BYTES_MAX]!,
    classes: readClasses(v, record),
    superslabs: readSuperSlabs(v, at),
    os,
    bytes: readBytes(v, at),
    failures: readFailures(v, at),
    detachedSlabs: v[at + DETACHED_SLABS]!,
  };
}

// --- Sums over arenas -----------------------------------------------------------------------------

const ARENA_FIELDS = native.tables.arenaFields.length;

/** One block size in one row, summed over arenas: `sums` at `at`. */
interface BinSum {
  readonly row: number;
  readonly blockSize: number;
  readonly at: number;
}

/** Blocks of equal size are one bin, whatever its index in their arenas. */
class BinSums {
  #values = new Float64Array(rowNames.length * BIN_FIELDS);
  readonly #bins = new Map<number, BinSum>();

  add(source: Float64Array, at: number, row: number, blockSize: number): void {
    const key = blockSize * rowNames.length + row;
    const sum = this.#bins.get(key) ?? this.#newBin(key, row, blockSize);
    addFields(this.#values, sum.at, source, at);
  }

  /** Classes with their bins, smallest first. */
  classes(): ClassStats[] {
    const bins = noBins();
    rowSums.fill(0);
    const sorted = [...this.#bins.values()].sort((a, b) => a.blockSize - b.blockSize);
    for (const { row, blockSize, at } of sorted) {
      pushBin(bins, row, readBin(this.#values, at, blockSize));
      addFields(rowSums, row * BIN_FIELDS, this.#values, at);
    }
    return classesFrom(rowSums, bins);
  }

  #newBin(key: number, row: number, blockSize: number): BinSum {
    const sum = { row, blockSize, at: this.#bins.size * BIN_FIELDS };
    if (sum.at === this.#values.length) {
      const grown = new Float64Array(2 * this.#values.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#bins.set(key, sum);
    return sum;
  }
}

function sumClasses({ values, arenas }: Snapshot): ClassStats[] {
  const sums = new BinSums();
  for (const { identity, binsAt, binCount } of arenas) {
    for (let i = 0, at = binsAt; i < binCount; i++, at += 1 + BIN_FIELDS) {
      const index = values[at]!;
      sums.add(values, at + 1, identity.rows[index]!, identity.blockSizes[index]!);
    }
  }
  return sums.classes();
}

/** The process's fields, and behind them the sum of the arenas' own. */
function sumFields({ values, arenas }: Snapshot): { sums: Float64Array; at: number } {
  const at = native.tables.processFields.length;
  const sums = new Float64Array(at + ARENA_FIELDS);
  sums.set(values.subarray(0, at));
  for (const { fieldsAt } of arenas) {
    for (let i = 0; i < ARENA_FIELDS; i++) sums[at + i]! += values[fieldsAt + i]!;
  }
  return { sums, at };
}

function readTotals(snapshot: Snapshot, os: OsStats): HeapTotals {
  const { sums, at } = sumFields(snapshot);
  return {
    classes: sumClasses(snapshot),
    superslabs: readSuperSlabs(sums, at),
    os,
    bytes: readBytes(sums, at),
    failures: readFailures(sums, at),
    detachedSlabs: sums[at + DETACHED_SLABS]!,
  };
}

// --- Entries --------------------------------------------------------------------------------------

/** Statistics of one arena of this environment. */
export function arenaStats(id: number): ArenaStats {
  const snapshot = readArena(id);
  settle(snapshot);
  return readRecord(snapshot.values, snapshot.arenas[0]!, readOs(snapshot.values));
}

/** Bytes in use by an arena: what `maxBytes` limits. */
export function usedBytesOf(id: number): number {
  const { values, arenas } = readArena(id);
  return values[arenas[0]!.fieldsAt + BYTES_USED]!;
}

/**
 * Statistics of every arena of the process, in all threads, read without stopping any of them: each
 * number was true a moment ago, and sums are exact while the arenas are quiet. Counts of allocations
 * and frees never go down from one reading to the next.
 *
 * {@link heapRates} tells what happened between two readings.
 *
 * @example
 * const { live, committed } = heapStats().totals.bytes;
 */
export function heapStats(): HeapStats {
  const snapshot = readHeap();
  settle(snapshot);
  const { values } = snapshot;
  const os = readOs(values);
  return {
    version: statsVersion,
    atMs: values[NOW_NS]! / 1e6,
    arenas: snapshot.arenas.map((record) => readRecord(values, record, os)),
    totals: readTotals(snapshot, os),
  };
}
