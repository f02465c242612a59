/**
 * Statistics: the core's flat numbers as the public structures.
 *
 * Written to be fast, because monitoring asks often: sums come from the core, and every structure is one
 * object literal.
 */
import { noteSuperSlabs } from './events';
import { native } from './native';
import {
  type ArenaRecord,
  BIN_FIELDS,
  BIN_STEP,
  type BinTable,
  DEFAULT_TABLE,
  type HeapSnapshot,
  type StatsRecord,
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

/** Most arenas use few classes: the others are the same for all of them. */
const unusedClasses = rowNames.map((_, row) =>
  Object.freeze(readClass(new Float64Array(BIN_FIELDS), 0, row, Object.freeze<BinStats[]>([]))),
);

/** The classes of a record; both its bins and its rows come in the order of their sizes. */
function readClasses(v: Float64Array, record: StatsRecord, { blockSizes, rows }: BinTable) {
  const classes = unusedClasses.slice();
  let bin = record.binsAt;
  for (let at = record.rowsAt; at < record.end; at += BIN_STEP) {
    const row = v[at]!;
    const bins: BinStats[] = [];
    for (; bin < record.rowsAt && rows[v[bin]!] === row; bin += BIN_STEP) {
      bins.push(readBin(v, bin + 1, blockSizes[v[bin]!]!));
    }
    classes[row] = readClass(v, at + 1, row, bins);
  }
  return classes;
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
const LEAKED_BLOCKS = arenaOffset('leaked_blocks');

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
    classes: readClasses(v, record, record.identity.table),
    superslabs: readSuperSlabs(v, at),
    os,
    bytes: readBytes(v, at),
    failures: readFailures(v, at),
    detachedSlabs: v[at + DETACHED_SLABS]!,
    leakedBlocks: v[at + LEAKED_BLOCKS]!,
  };
}

// --- Sums over arenas -----------------------------------------------------------------------------

/** Blocks of equal size are one bin, whatever its index in their arenas. */
class BinSums {
  /** By row and block size: its fields, summed. */
  readonly #bins = new Map<number, { row: number; blockSize: number; sums: Float64Array }>();

  add(source: Float64Array, at: number, row: number, blockSize: number): void {
    const key = blockSize * rowNames.length + row;
    let bin = this.#bins.get(key);
    if (bin === undefined) {
      bin = { row, blockSize, sums: new Float64Array(BIN_FIELDS) };
      this.#bins.set(key, bin);
    }
    for (let i = 0; i < BIN_FIELDS; i++) bin.sums[i]! += source[at + i]!;
  }

  /** By row, smallest first. */
  byRow(): Map<number, BinStats[]> {
    const sorted = [...this.#bins.values()].sort((a, b) => a.blockSize - b.blockSize);
    const rows = new Map<number, BinStats[]>();
    for (const { row, blockSize, sums } of sorted) {
      const bins = rows.get(row) ?? [];
      bins.push(readBin(sums, 0, blockSize));
      rows.set(row, bins);
    }
    return rows;
  }
}

/** The same for arenas of different classes: only rows can be summed by their index then. */
function mergeClasses({ values, arenas, totals }: HeapSnapshot): ClassStats[] {
  const sums = new BinSums();
  for (const { identity, binsAt, rowsAt } of arenas) {
    const { rows, blockSizes } = identity.table;
    for (let at = binsAt; at < rowsAt; at += BIN_STEP) {
      const index = values[at]!;
      sums.add(values, at + 1, rows[index]!, blockSizes[index]!);
    }
  }
  const bins = sums.byRow();
  const classes = unusedClasses.slice();
  for (let at = totals.rowsAt; at < totals.end; at += BIN_STEP) {
    const row = values[at]!;
    classes[row] = readClass(values, at + 1, row, bins.get(row) ?? []);
  }
  return classes;
}

function readTotals(snapshot: HeapSnapshot, os: OsStats): HeapTotals {
  const { values, arenas, totals } = snapshot;
  const at = totals.fieldsAt;
  const allDefault = arenas.every(({ identity }) => identity.table === DEFAULT_TABLE);
  return {
    classes: allDefault ? readClasses(values, totals, DEFAULT_TABLE) : mergeClasses(snapshot),
    superslabs: readSuperSlabs(values, at),
    os,
    bytes: readBytes(values, at),
    failures: readFailures(values, at),
    detachedSlabs: values[at + DETACHED_SLABS]!,
    leakedBlocks: values[at + LEAKED_BLOCKS]!,
  };
}

// --- Entries --------------------------------------------------------------------------------------

/** Statistics of one arena of this environment. */
export function arenaStats(id: number): ArenaStats {
  const { values, arenas } = readArena(id);
  return readRecord(values, arenas[0]!, readOs(values));
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
  noteSuperSlabs();
  const { values } = snapshot;
  const os = readOs(values);
  return {
    version: statsVersion,
    atMs: values[NOW_NS]! / 1e6,
    arenas: snapshot.arenas.map((record) => readRecord(values, record, os)),
    totals: readTotals(snapshot, os),
  };
}
