/**
 * Classes in statistics: rows and their bins, of one arena or summed over all.
 *
 * Written to be fast, because monitoring asks often: sums come from the core, and every structure is one
 * object literal.
 */
import { native } from '../native/native';
import {
  BIN_FIELDS,
  BIN_STEP,
  type BinTable,
  type HeapSnapshot,
  type StatsRecord,
  binOffset,
} from '../native/snapshot';
import { readFront, readPages, readStages, readWarm } from './flows';
import type { BinStats, ClassStats } from './types';

const { rowNames, rowSizes } = native.tables;

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
const AWAY = binOffset('away');
const FREE_BLOCKS = binOffset('free_blocks');
const REMOTE_BLOCKS = binOffset('remote_blocks');
const CAPACITY = binOffset('capacity');
const SLABS = binOffset('slabs');
const PARTIAL_SLABS = binOffset('partial_slabs');
const HIGH_WATER = binOffset('high_water');
const BLOCKS_OUT = binOffset('blocks_out');
const BLOCKS_IN = binOffset('blocks_in');
const DRAINS = binOffset('drains');
const DRAINED_BLOCKS = binOffset('drained_blocks');

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
    away: v[at + AWAY]!,
    freeBlocks: v[at + FREE_BLOCKS]!,
    remoteBlocks: v[at + REMOTE_BLOCKS]!,
    capacity: v[at + CAPACITY]!,
    slabs: v[at + SLABS]!,
    partialSlabs: v[at + PARTIAL_SLABS]!,
    highWater: v[at + HIGH_WATER]!,
    blocksOut: v[at + BLOCKS_OUT]!,
    blocksIn: v[at + BLOCKS_IN]!,
    stages: readStages(v, at),
    pages: readPages(v, at),
    warm: readWarm(v, at),
    front: readFront(v, at),
    drains: v[at + DRAINS]!,
    drainedBlocks: v[at + DRAINED_BLOCKS]!,
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
    away: v[at + AWAY]!,
    freeBlocks: v[at + FREE_BLOCKS]!,
    remoteBlocks: v[at + REMOTE_BLOCKS]!,
    capacity: v[at + CAPACITY]!,
    slabs: v[at + SLABS]!,
    partialSlabs: v[at + PARTIAL_SLABS]!,
    highWater: v[at + HIGH_WATER]!,
    blocksOut: v[at + BLOCKS_OUT]!,
    blocksIn: v[at + BLOCKS_IN]!,
    stages: readStages(v, at),
    pages: readPages(v, at),
    warm: readWarm(v, at),
    front: readFront(v, at),
    drains: v[at + DRAINS]!,
    drainedBlocks: v[at + DRAINED_BLOCKS]!,
    bins,
  };
}

/** Most arenas use few classes: the others are the same for all of them. */
const unusedClasses = rowNames.map((_, row) =>
  Object.freeze(readClass(new Float64Array(BIN_FIELDS), 0, row, Object.freeze<BinStats[]>([]))),
);

/** The bins of a row, of an arena that has added classes: those are in no order. */
function binsOfRow(
  v: Float64Array,
  { binsAt, rowsAt }: StatsRecord,
  { blockSizes, rows }: BinTable,
  row: number,
): BinStats[] {
  const bins: BinStats[] = [];
  for (let at = binsAt; at < rowsAt; at += BIN_STEP) {
    if (rows[v[at]!] === row) bins.push(readBin(v, at + 1, blockSizes[v[at]!]!));
  }
  return bins.sort((a, b) => a.blockSize - b.blockSize);
}

/** The classes of a record; its rows come in the order of their sizes, and so do most bins. */
export function readClasses(v: Float64Array, record: StatsRecord, table: BinTable): ClassStats[] {
  const { blockSizes, rows, isAscending } = table;
  const classes = unusedClasses.slice();
  let bin = record.binsAt;
  for (let at = record.rowsAt; at < record.end; at += BIN_STEP) {
    const row = v[at]!;
    const bins = isAscending ? [] : binsOfRow(v, record, table, row);
    for (; isAscending && bin < record.rowsAt && rows[v[bin]!] === row; bin += BIN_STEP) {
      bins.push(readBin(v, bin + 1, blockSizes[v[bin]!]!));
    }
    classes[row] = readClass(v, at + 1, row, bins);
  }
  return classes;
}

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
export function mergeClasses({ values, arenas, totals }: HeapSnapshot): ClassStats[] {
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
