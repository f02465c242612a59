/**
 * Verify: the books of an arena, counted again.
 */
import { native } from '../native/native';
import { arenaStats } from './stats';

/**
 * A number of the books that is not what counting again gives.
 *
 * @example
 * const line = ({ what, blockSize, counted, recorded }: Difference) =>
 *   `${what} of ${blockSize} B: ${recorded} in the books, ${counted} found`;
 */
export interface Difference {
  /** A number of the statistics as the core calls it, or what is wrong with a slab: its 'bitmap', 'list', 'class'. */
  readonly what: string;
  /** Block size of the class; 0: of the whole arena, of runs, or of huge mappings. */
  readonly blockSize: number;
  /** Number of the slab; -1: of none. */
  readonly slab: number;
  /** What was found. */
  readonly counted: number;
  /** What the books say. */
  readonly recorded: number;
}

/**
 * What {@link Arena.verify} returns.
 *
 * @example
 * const { ok }: VerifyReport = arena.verify();
 */
export interface VerifyReport {
  /** Every number is what counting again gives. */
  readonly ok: boolean;
  /** Those that are not, at most a thousand of the core. */
  readonly differences: readonly Difference[];
}

/** Slab numbers have fewer bits. */
const NO_SLAB = 0xffff_ffff;

function coreDifferences(id: number, strides: readonly number[]): Difference[] {
  return native.verifyArena(id).map(({ what, bin, slab, counted, recorded }) => ({
    what,
    blockSize: strides[bin] ?? 0,
    slab: slab === NO_SLAB ? -1 : slab,
    counted,
    recorded,
  }));
}

/** Who takes blocks from the core. */
interface Owner {
  /** Blocks of a class that it has, by its own count. */
  ownedOf(classIndex: number): number;
}

/** Blocks out of the core, by the core's count and by that of the front. */
function frontDifferences(id: number, front: Owner, strides: readonly number[]): Difference[] {
  const bins = arenaStats(id).classes.flatMap((row) => row.bins);
  return bins.flatMap(({ blockSize, blocksOut, blocksIn, away, remoteBlocks }) => {
    const index = strides.indexOf(blockSize);
    if (index < 0) return [];
    const counted = front.ownedOf(index);
    const recorded = blocksOut - blocksIn - away - remoteBlocks;
    if (counted === recorded) return [];
    return [{ what: 'owned by the front', blockSize, slab: -1, counted, recorded }];
  });
}

export function verifyBooks(id: number, front: Owner, strides: readonly number[]): VerifyReport {
  const differences = [...coreDifferences(id, strides), ...frontDifferences(id, front, strides)];
  return { ok: differences.length === 0, differences };
}
