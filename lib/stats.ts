/**
 * Statistics: decodes the core's flat numbers into the public structures.
 *
 * The field lists are the core's own (native.tables), so a field added there appears by name or
 * fails loudly here.
 */
import { type NativeSnapshot, native } from './native';
import type {
  ArenaStats,
  BinStats,
  ByteStats,
  ClassStats,
  HeapStats,
  HeapTotals,
  OsStats,
} from './types';

const { tables } = native;
const BIN_FIELDS = tables.binFields.length;
const ARENA_FIELDS = tables.arenaFields.length;

function fieldIndex(fields: readonly string[], name: string): number {
  const index = fields.indexOf(name);
  if (index < 0) throw new Error(`the core has no statistic "${name}"`);
  return index;
}

/** A reader of one named field out of a flat row. */
const field = (
  fields: readonly string[],
  name: string,
): ((values: Float64Array, at: number) => number) => {
  const index = fieldIndex(fields, name);
  return (values, at) => values[at + index]!;
};

const bin = {
  allocs: field(tables.binFields, 'allocs'),
  slow: field(tables.binFields, 'slow'),
  refills: field(tables.binFields, 'refills'),
  flushes: field(tables.binFields, 'flushes'),
  local: field(tables.binFields, 'frees_local'),
  remote: field(tables.binFields, 'frees_remote'),
  live: field(tables.binFields, 'live'),
  liveBytes: field(tables.binFields, 'live_bytes'),
  blockBytes: field(tables.binFields, 'block_bytes'),
  frontBlocks: field(tables.binFields, 'front_blocks'),
  freeBlocks: field(tables.binFields, 'free_blocks'),
  remoteBlocks: field(tables.binFields, 'remote_blocks'),
  capacity: field(tables.binFields, 'capacity'),
  slabs: field(tables.binFields, 'slabs'),
  partialSlabs: field(tables.binFields, 'partial_slabs'),
  highWater: field(tables.binFields, 'high_water'),
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readBin(values: Float64Array, at: number, blockSize: number): BinStats {
  const allocs = bin.allocs(values, at);
  const slow = Math.min(bin.slow(values, at), allocs);
  const local = bin.local(values, at);
  const remote = bin.remote(values, at);
  return {
    blockSize,
    allocs,
    fast: allocs - slow,
    slow,
    refills: bin.refills(values, at),
    flushes: bin.flushes(values, at),
    frees: local + remote,
    local,
    remote,
    live: bin.live(values, at),
    liveBytes: bin.liveBytes(values, at),
    blockBytes: bin.blockBytes(values, at),
    frontBlocks: bin.frontBlocks(values, at),
    freeBlocks: bin.freeBlocks(values, at),
    remoteBlocks: bin.remoteBlocks(values, at),
    capacity: bin.capacity(values, at),
    slabs: bin.slabs(values, at),
    partialSlabs: bin.partialSlabs(values, at),
    highWater: bin.highWater(values, at),
  };
}

type MutableClass = Mutable<Omit<ClassStats, 'bins'>> & { bins: BinStats[] };

function emptyClass(row: number): MutableClass {
  return {
    name: tables.rowNames[row]!,
    maxSize: tables.rowSizes[row]!,
    allocs: 0,
    fast: 0,
    slow: 0,
    refills: 0,
    flushes: 0,
    frees: 0,
    local: 0,
    remote: 0,
    live: 0,
    liveBytes: 0,
    blockBytes: 0,
    frontBlocks: 0,
    freeBlocks: 0,
    remoteBlocks: 0,
    capacity: 0,
    slabs: 0,
    partialSlabs: 0,
    highWater: 0,
    bins: [],
  };
}

const SUMMED = Object.entries(emptyClass(0))
  .filter(([name, value]) => typeof value === 'number' && name !== 'maxSize')
  .map(([name]) => name as Exclude<keyof BinStats, 'blockSize'>);

function addTo(target: MutableClass, source: Omit<BinStats, 'blockSize'>): void {
  for (const name of SUMMED) target[name] += source[name];
}

function rowOf(blockSize: number): number {
  return tables.rowSizes.findIndex((size) => blockSize <= size);
}

/** Row of the run or huge pseudo bin. */
const pseudoRow = (binIndex: number): number =>
  tables.rowNames.indexOf(binIndex === tables.runBin ? 'run' : 'huge');

function wasUsed(values: Float64Array, at: number): boolean {
  return bin.allocs(values, at) > 0 || bin.capacity(values, at) > 0 || bin.refills(values, at) > 0;
}

function readClasses({ values, strides }: NativeSnapshot): MutableClass[] {
  const classes = tables.rowNames.map((_, row) => emptyClass(row));
  const count = (values.length - ARENA_FIELDS) / BIN_FIELDS;
  for (let index = 0; index < count; index++) {
    const at = ARENA_FIELDS + index * BIN_FIELDS;
    if (!wasUsed(values, at)) continue;
    const blockSize = strides[index] ?? 0;
    const row = blockSize > 0 ? rowOf(blockSize) : pseudoRow(index);
    const stats = readBin(values, at, blockSize);
    classes[row]!.bins.push(stats);
    addTo(classes[row]!, stats);
  }
  return classes;
}

interface ProcessNumbers {
  readonly os: OsStats;
  readonly cachedSuperSlabs: number;
  readonly cachedBytes: number;
}

function readProcess(): ProcessNumbers {
  const values = native.processStats();
  const read = (name: string): number => values[fieldIndex(tables.processFields, name)]!;
  return {
    os: {
      map: read('os_map'),
      mapFailed: read('os_map_failed'),
      unmap: read('os_unmap'),
      unmapFailed: read('os_unmap_failed'),
      purge: read('os_purge'),
      purgeEnomem: read('os_purge_enomem'),
      purgeFailed: read('os_purge_failed'),
      purgeDisabled: read('os_purge_disabled') !== 0,
    },
    cachedSuperSlabs: read('superslabs_cached'),
    cachedBytes: read('bytes_cached'),
  };
}

function readBytes(values: Float64Array, cached: number): ByteStats {
  const read = (name: string): number => values[fieldIndex(tables.arenaFields, name)]!;
  const committed = read('bytes_committed');
  return {
    live: read('bytes_live'),
    front: read('bytes_front'),
    freeInSlab: read('bytes_free_in_slab'),
    freeSlabs: read('bytes_free_slabs'),
    slack: read('bytes_slack'),
    committed,
    cached,
    mapped: committed + cached,
    pinned: read('bytes_pinned'),
    used: read('bytes_used'),
  };
}

function decode(snapshot: NativeSnapshot, processNumbers: ProcessNumbers): ArenaStats {
  const { values } = snapshot;
  const read = (name: string): number => values[fieldIndex(tables.arenaFields, name)]!;
  return {
    version: tables.statsVersion,
    id: snapshot.serial,
    name: snapshot.name,
    classes: readClasses(snapshot),
    superslabs: {
      live: read('superslabs_live'),
      cached: processNumbers.cachedSuperSlabs,
      empties: read('superslabs_empties'),
      adopted: read('superslabs_adopted'),
    },
    os: processNumbers.os,
    bytes: readBytes(values, processNumbers.cachedBytes),
    failures: {
      os: read('failures_os'),
      limit: read('failures_limit'),
      doubleFrees: read('double_frees'),
    },
    detachedSlabs: read('detached_slabs'),
  };
}

/** Statistics of one arena of this environment. */
export function arenaStats(id: number): ArenaStats {
  return decode(native.arenaStats(id), readProcess());
}

/** Bytes in use by an arena: what `maxBytes` limits. */
export function usedBytesOf(id: number): number {
  return native.arenaStats(id).values[fieldIndex(tables.arenaFields, 'bytes_used')]!;
}

function sumOf<T extends object>(rows: readonly T[], zero: T): T {
  const sum = { ...zero } as Record<string, number>;
  for (const row of rows as readonly Record<string, number>[]) {
    for (const name of Object.keys(sum)) sum[name]! += row[name]!;
  }
  return sum as T;
}

function sumClasses(arenas: readonly ArenaStats[]): ClassStats[] {
  return tables.rowNames.map((_, row) => {
    const total = emptyClass(row);
    const bins = new Map<number, BinStats[]>();
    for (const arena of arenas) {
      const source = arena.classes[row]!;
      addTo(total, source);
      for (const one of source.bins)
        bins.set(one.blockSize, [...(bins.get(one.blockSize) ?? []), one]);
    }
    for (const [blockSize, same] of [...bins].sort(([a], [b]) => a - b)) {
      total.bins.push({ ...sumOf(same, { ...same[0]!, ...ZERO_BIN }), blockSize });
    }
    return total;
  });
}

const ZERO_BIN = Object.fromEntries(SUMMED.map((name) => [name, 0])) as Omit<BinStats, 'blockSize'>;

function totalsOf(arenas: readonly ArenaStats[], processNumbers: ProcessNumbers): HeapTotals {
  const bytes = sumOf(
    arenas.map((arena) => arena.bytes),
    {
      live: 0,
      front: 0,
      freeInSlab: 0,
      freeSlabs: 0,
      slack: 0,
      committed: 0,
      cached: 0,
      mapped: 0,
      pinned: 0,
      used: 0,
    },
  );
  const superslabs = sumOf(
    arenas.map((arena) => arena.superslabs),
    { live: 0, cached: 0, empties: 0, adopted: 0 },
  );
  const cached = processNumbers.cachedBytes;
  return {
    classes: sumClasses(arenas),
    superslabs: { ...superslabs, cached: processNumbers.cachedSuperSlabs },
    os: processNumbers.os,
    bytes: { ...bytes, cached, mapped: bytes.committed + cached },
    failures: sumOf(
      arenas.map((arena) => arena.failures),
      { os: 0, limit: 0, doubleFrees: 0 },
    ),
    detachedSlabs: arenas.reduce((sum, arena) => sum + arena.detachedSlabs, 0),
  };
}

/**
 * Statistics of every arena of the process, in all threads, read without stopping any of them:
 * each number was true a moment ago, and sums are exact while the arenas are quiet.
 */
export function heapStats(): HeapStats {
  const processNumbers = readProcess();
  const arenas = native.heapStats().map((snapshot) => decode(snapshot, processNumbers));
  return { version: tables.statsVersion, arenas, totals: totalsOf(arenas, processNumbers) };
}
