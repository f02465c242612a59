/**
 * Heap map: what every slab of every SuperSlab is doing, for a picture of memory.
 */
import { type NativeArenaMap, native } from '../native/native';
import type { Tier } from './types';

/** Layout of a row of the core; see csrc/include/snapshot.h. */
const HEADER_FIELDS = 4;
const SLAB_FIELDS = 5;
const SLABS_PER_ROW = 32;
const ROW_LENGTH = HEADER_FIELDS + SLABS_PER_ROW * SLAB_FIELDS;
const SLAB_BYTES = 65_536;

/** In the order of the core's numbers. */
const SLAB_USES: readonly SlabUse[] = ['free', 'class', 'large', 'tail', 'lost'];

const TIERS: readonly Tier[] = ['hot', 'draining', 'free'];

/**
 * What a slab is doing: 'free': nothing; 'class': it serves one block size; 'large': the first slab of
 * a run, or a huge mapping; 'tail': a further slab of the run or span before it; 'lost': of no use until
 * JavaScript lets go of an ArrayBuffer that was taken away from the arena.
 *
 * @example
 * const uses = new Map<SlabUse, number>();
 * const slabs = heapMap().arenas.flatMap(({ superslabs }) => superslabs.flatMap((one) => one.slabs));
 * for (const { use } of slabs) uses.set(use, (uses.get(use) ?? 0) + 1);
 */
export type SlabUse = 'free' | 'class' | 'large' | 'tail' | 'lost';

/**
 * One slab of 64 KB, or all of a huge mapping.
 *
 * @example
 * const isFull = ({ use, taken, capacity }: SlabMap) => use === 'class' && taken === capacity;
 */
export interface SlabMap {
  /** What it is doing. */
  readonly use: SlabUse;
  /** Reporting class as in `ClassStats.name`; '' unless 'class' or 'large'. */
  readonly className: string;
  /** Bytes per block; 0 unless 'class'. */
  readonly blockSize: number;
  /** Blocks out of the core: live ones, and free ones that the front keeps. 0 unless 'class'. */
  readonly taken: number;
  /** All blocks of the slab; 0 unless 'class'. */
  readonly capacity: number;
  /** Its pages may take up memory. false: never used, or given back to the operating system. */
  readonly touched: boolean;
}

/**
 * One SuperSlab of 2 MB with 32 slabs, or a huge mapping with one.
 *
 * @example
 * const isEmpty = ({ slabs }: SuperSlabMap) => slabs.every(({ use }) => use === 'free');
 */
export interface SuperSlabMap {
  /** Number in its arena, the same as long as the arena has it. */
  readonly index: number;
  /** Of address space. */
  readonly bytes: number;
  /** What becomes of it. */
  readonly tier: Tier;
  /** Lowest address first. */
  readonly slabs: readonly SlabMap[];
}

/**
 * The SuperSlabs of one arena.
 *
 * @example
 * const mine = heapMap().arenas.find(({ id }) => id === arena.id);
 */
export interface ArenaMap {
  /** As {@link Arena.id}. */
  readonly id: number;
  /** As {@link Arena.name}. */
  readonly name: string;
  /** Lowest index first. */
  readonly superslabs: readonly SuperSlabMap[];
}

/**
 * What {@link heapMap} returns.
 *
 * @example
 * const map: HeapMap = heapMap();
 * console.log(map.arenas.map(({ name, superslabs }) => `${name}: ${superslabs.length} SuperSlabs`));
 */
export interface HeapMap {
  /** Version of this structure. */
  readonly version: number;
  /** All arenas of all threads of the process, oldest first. */
  readonly arenas: readonly ArenaMap[];
}

const { rowNames, rowSizes, runBin, hugeBin } = native.tables;

/** Reporting class of each bin of an arena. */
function classNamesOf(strides: Uint32Array): Map<number, string> {
  const names = new Map<number, string>();
  strides.forEach((stride, bin) => {
    names.set(bin, rowNames[rowSizes.findIndex((size) => stride <= size)]!);
  });
  return names.set(runBin, 'run').set(hugeBin, 'huge');
}

interface BinNames {
  readonly strides: Uint32Array;
  readonly classNames: Map<number, string>;
}

function readSlab(rows: Uint32Array, at: number, bins: BinNames): SlabMap {
  const use = SLAB_USES[rows[at]!]!;
  const bin = rows[at + 1]!;
  const serves = use === 'class' || use === 'large';
  return {
    use,
    className: serves ? (bins.classNames.get(bin) ?? '') : '',
    blockSize: use === 'class' ? (bins.strides[bin] ?? 0) : 0,
    taken: rows[at + 3]!,
    capacity: rows[at + 4]!,
    touched: rows[at + 2] !== 0,
  };
}

function readSuperSlab(rows: Uint32Array, at: number, bins: BinNames): SuperSlabMap {
  const slabs = Array.from({ length: rows[at + 2]! }, (_, slot) =>
    readSlab(rows, at + HEADER_FIELDS + slot * SLAB_FIELDS, bins),
  );
  const tier = TIERS[rows[at + 3]!]!;
  return { index: rows[at]!, bytes: rows[at + 1]! * SLAB_BYTES, tier, slabs };
}

function readArena({ serial, name, strides, rows }: NativeArenaMap): ArenaMap {
  const bins = { strides, classNames: classNamesOf(strides) };
  const superslabs = Array.from({ length: rows.length / ROW_LENGTH }, (_, row) =>
    readSuperSlab(rows, row * ROW_LENGTH, bins),
  );
  return { id: serial, name, superslabs };
}

/**
 * Every SuperSlab of every arena of the process, in all threads, with what each of its slabs is doing;
 * read without stopping any of them. Exact while the arenas are quiet; else each number was true a
 * moment ago, though not all of them at the same one.
 *
 * @returns a snapshot of about 40 objects per SuperSlab: made for looking, not for every request.
 * @example
 * for (const { name, superslabs } of heapMap().arenas) {
 *   for (const { slabs } of superslabs) console.log(name, slabs.map(({ use }) => use).join(' '));
 * }
 */
export function heapMap(): HeapMap {
  return { version: 1, arenas: native.heapMap().map(readArena) };
}
