/**
 * Types of statistics. Sizes are in bytes, and everything else is a count, unless said otherwise.
 */
import type { BackendInfo } from '../base/backend-info';

import type {
  CacheStats,
  FrontStats,
  LengthStats,
  LockStats,
  PageStats,
  StageStats,
  WarmStats,
} from './flow-types';

/**
 * What was counted, or the same per second.
 *
 * @example
 * const missRate = ({ slow, allocs }: ActivityCounts) => (allocs === 0 ? 0 : slow / allocs);
 */
export interface ActivityCounts {
  /** Allocations: `fast + slow`. */
  readonly allocs: number;
  /** Allocations served without a native call. */
  readonly fast: number;
  /** Allocations that needed a native call. */
  readonly slow: number;
  /** Batches taken from the core. */
  readonly refills: number;
  /** Batches given back to it. */
  readonly flushes: number;
  /** Frees: `local + remote`. */
  readonly frees: number;
  /** Frees by the arena's own thread. */
  readonly local: number;
  /** Frees by other threads: of Buffers that were handed over, and in C. */
  readonly remote: number;
}

/**
 * Statistics of one block size.
 *
 * @example
 * const bins = arena.stats().classes.flatMap((row) => row.bins);
 * const worst = bins.sort((a, b) => b.blockBytes - b.liveBytes - (a.blockBytes - a.liveBytes))[0];
 */
export interface BinStats extends ActivityCounts {
  /** Block size in bytes; 0 for runs and huge mappings, whose blocks differ in size. */
  readonly blockSize: number;
  /** Blocks allocated and not freed. */
  readonly live: number;
  /** Bytes requested for them. */
  readonly liveBytes: number;
  /** Bytes of the blocks they take. */
  readonly blockBytes: number;
  /** Free blocks kept by the front. */
  readonly frontBlocks: number;
  /** Handed over to other threads ({@link Arena.share}), and not collected from there yet. */
  readonly away: number;
  /** Free blocks in the core. */
  readonly freeBlocks: number;
  /** Freed by another thread and not collected yet. */
  readonly remoteBlocks: number;
  /** All blocks: `live + frontBlocks + away + freeBlocks + remoteBlocks`. */
  readonly capacity: number;
  /** Slabs of 64 KB. */
  readonly slabs: number;
  /** Slabs, beside the current one, with some blocks free and some not. */
  readonly partialSlabs: number;
  /** Most blocks ever out of the core at once, `frontBlocks` included. */
  readonly highWater: number;
  /** Blocks that the core has given out. Less `blocksIn`, these are `live + frontBlocks + away + remoteBlocks`. */
  readonly blocksOut: number;
  /** Blocks that have come back to it. */
  readonly blocksIn: number;
  /** What `slow` is the sum of. */
  readonly stages: StageStats;
  /** Slabs as they come and go. */
  readonly pages: PageStats;
  /** Whether they had their pages. */
  readonly warm: WarmStats;
  /** What the front keeps. */
  readonly front: FrontStats;
  /** How often blocks of a slab were collected that other threads had freed. */
  readonly drains: number;
  /** These blocks. */
  readonly drainedBlocks: number;
}

/**
 * One reporting class: the sum of its bins.
 *
 * @example
 * for (const { name, live, liveBytes } of arena.stats().classes) console.log(name, live, liveBytes);
 */
export interface ClassStats extends Omit<BinStats, 'blockSize'> {
  /** 'C0'..'C7' (up to 8, 16 .. 1024 B), 'M0'..'M5' (2 .. 64 KB), 'run' (2 MB), 'huge'. */
  readonly name: string;
  /** Largest request in bytes that belongs to this class. */
  readonly maxSize: number;
  /** The block sizes of this class that were ever used. */
  readonly bins: readonly BinStats[];
}

/**
 * Where the bytes are: `live + front + freeInSlab + freeSlabs + slack = committed`.
 *
 * @example
 * const { used, committed } = arena.stats().bytes;
 * console.log(`${used} bytes in use, ${committed - used} held without use`);
 */
export interface ByteStats {
  /** Requested by live allocations. */
  readonly live: number;
  /** In free blocks kept by the front. */
  readonly front: number;
  /** In blocks that were handed over to other threads, and did not come back yet. */
  readonly away: number;
  /** In free blocks of slabs in use. */
  readonly freeInSlab: number;
  /** In slabs that belong to no class. */
  readonly freeSlabs: number;
  /** Part of `freeSlabs`: those whose pages may be there. What goes back by itself, or by a `trim()`. */
  readonly dirty: number;
  /** Lost to rounding: block size over request, slab size over its blocks. */
  readonly slack: number;
  /** Address space of the SuperSlabs and huge mappings held. Pages never touched cost no memory. */
  readonly committed: number;
  /** Address space kept by the process-wide cache, shared by all arenas. */
  readonly cached: number;
  /**
   * Address space of what the arena is, beside its SuperSlabs: its record, its counters, and the records of its
   * SuperSlabs. In the totals all of the process, with what is kept for the next arena.
   */
  readonly metadata: number;
  /** `committed + cached + metadata`: in the totals all that the package has mapped. */
  readonly mapped: number;
  /** Kept alive by holders after a reset or destroy. */
  readonly pinned: number;
  /**
   * Part of `committed`: slabs whose ArrayBuffer somebody has taken away (a transfer, a byte stream). Nobody
   * else gets them before the bytes are let go of; of a worker that ended meanwhile, nobody ever does.
   */
  readonly givenAway: number;
  /** In slabs, runs and huge mappings in use: what `maxBytes` limits. */
  readonly used: number;
}

/**
 * What becomes of a SuperSlab. 'hot': new slabs come from it, from the fullest of these first; 'draining': it has
 * little in use and others have room, so that it is to become empty, and serves only when no other can;
 * 'free': none of its slabs is in use, and all but one of such go to the process-wide cache. Huge mappings
 * are 'hot'.
 *
 * @example
 * const tiers: Tier[] = heapMap().arenas.flatMap(({ superslabs }) => superslabs.map(({ tier }) => tier));
 */
export type Tier = 'hot' | 'draining' | 'free';

/**
 * SuperSlabs (2 MB each) and huge mappings.
 *
 * @example
 * const { live, cached } = heapStats().totals.superslabs;
 */
export interface SuperSlabStats {
  /** Held by the arena: `hot + draining + free`. */
  readonly live: number;
  /** Of those: new slabs come from them, and huge mappings. See {@link Tier}. */
  readonly hot: number;
  /** Of those: with so little in use that they are to become empty. */
  readonly draining: number;
  /** Of those: with no slab in use. */
  readonly free: number;
  /** In the process-wide cache, shared by all arenas. */
  readonly cached: number;
  /** As `free`, by the name that it has in the lines of `formatHeapStats`. */
  readonly empties: number;
  /** Taken from the cache so far. */
  readonly adopted: number;
  /** Given up by the arena so far, to the cache. */
  readonly released: number;
}

/**
 * Calls to the operating system since the process started; the same for every arena.
 *
 * @example
 * if (heapStats().totals.os.purgeDisabled) logger.warn('vm.max_map_count is too low');
 */
export interface OsStats {
  /** SuperSlabs and huge mappings that were mapped. */
  readonly map: number;
  /** Mappings of metadata: records of arenas, counters. */
  readonly mapMetadata: number;
  /** Mappings of either kind that were refused. */
  readonly mapFailed: number;
  /** SuperSlabs and huge mappings that were given back. */
  readonly unmap: number;
  /** Mappings of metadata that were given back. */
  readonly unmapMetadata: number;
  /** Mappings of either kind that the system refused to take back. */
  readonly unmapFailed: number;
  /** Calls that gave pages back and kept their addresses. */
  readonly purge: number;
  /** Purges refused because the process has too many mappings. */
  readonly purgeEnomem: number;
  /** Purges refused for another reason. */
  readonly purgeFailed: number;
  /** Bytes of pages given back so. */
  readonly purgedBytes: number;
  /** Time of all these calls, refused ones too, in milliseconds. */
  readonly purgeMs: number;
  /** true: the process no longer purges (see `purgeEnomem`). */
  readonly purgeDisabled: boolean;
}

/**
 * Requests and frees that were refused to the program, of an arena that is not destroyed.
 *
 * @example
 * const { os, limit, doubleFrees, staleFrees, foreignFrees } = arena.stats().failures;
 */
export interface FailureStats {
  /** The operating system, or the engine, had no more memory. */
  readonly os: number;
  /** A limit was reached: `maxBytes`, or that of the process. */
  readonly limit: number;
  /** Requests that were served after the arena had given back what it kept: no failure, but near one. */
  readonly retried: number;
  /** Frees of what is free already: `ERR_HAKMEM_DOUBLE_FREE`, and those that the core saw. */
  readonly doubleFrees: number;
  /** Frees of what was invalidated before: `ERR_HAKMEM_STALE_VIEW`. */
  readonly staleFrees: number;
  /** Frees of what the arena did not allocate: `ERR_HAKMEM_NOT_OWNED`. */
  readonly foreignFrees: number;
}

/**
 * What went back to the operating system little by little, because nobody needed it for a while
 * ({@link ArenaOptions.purgeDelayMs}).
 *
 * @example
 * const { decayedBytes, retakenBytes } = arena.stats().decay;
 * if (retakenBytes > decayedBytes / 2) logger.warn('a longer HAKMEM_PURGE_DELAY_MS would save page faults');
 */
export interface DecayStats {
  /** Pages given back so, in bytes; those of a trim are not among them. */
  readonly decayedBytes: number;
  /** All pages given back for the arena, in bytes; those of a trim are among them. */
  readonly purgedBytes: number;
  /** Pages given back, by a trim too, that were needed again. */
  readonly retakenBytes: number;
  /** Part of `purgedBytes` that nobody has needed since, 0 to 1: decisions that proved right. 1: there were none. */
  readonly rightShare: number;
  /** Sixths of the purge delay that went by: how often it was decided what is worth keeping. */
  readonly epochs: number;
  /** Turns in which pages were given back. */
  readonly turns: number;
  /** Their time, in milliseconds. */
  readonly ms: number;
}

/**
 * What was handed over to other threads ({@link Arena.share}): `offered = recalled + revoked + returned + away`.
 *
 * @example
 * const { away, adopted, returned } = arena.stats().lending;
 * console.log(`${away} Buffers away, ${adopted - returned} of them adopted`);
 */
export interface LendingStats {
  /** Tickets made. */
  readonly offered: number;
  /** Of them adopted so far. */
  readonly adopted: number;
  /** Taken back by `recall` before anybody had adopted them. */
  readonly recalled: number;
  /** Taken back by a reset, or by the end of the arena. */
  readonly revoked: number;
  /** Released by those who had adopted them, and collected. */
  readonly returned: number;
  /** Offered or adopted now. */
  readonly away: number;
  /** Tickets that were refused, of the whole process. */
  readonly refused: number;
}

/**
 * What {@link Arena.stats} returns: a snapshot.
 *
 * @example
 * const { name, bytes, maxBytes }: ArenaStats = arena.stats();
 * if (maxBytes > 0 && bytes.used > 0.9 * maxBytes) logger.warn(`${name} is nearly full`);
 */
export interface ArenaStats {
  /** Version of this structure. */
  readonly version: number;
  /** Number of the arena in the process. */
  readonly id: number;
  /** Name of the arena. */
  readonly name: string;
  /** What does the bookkeeping, and why. */
  readonly backend: BackendInfo;
  /** Limit on `bytes.used`, in bytes; 0: none. In the totals that of the process on `bytes.committed`. */
  readonly maxBytes: number;
  /** One row per reporting class, always all of them, smallest first. */
  readonly classes: readonly ClassStats[];
  /** SuperSlabs and huge mappings. */
  readonly superslabs: SuperSlabStats;
  /** Calls to the operating system, of the whole process. */
  readonly os: OsStats;
  /** The cache of SuperSlabs, of the whole process. */
  readonly cache: CacheStats;
  /** Locks, of the whole process. */
  readonly locks: LockStats;
  /** Where the bytes are. */
  readonly bytes: ByteStats;
  /** Requests that failed. */
  readonly failures: FailureStats;
  /** What went back to the operating system by itself. */
  readonly decay: DecayStats;
  /** What was handed over to other threads. */
  readonly lending: LendingStats;
  /** Slabs whose ArrayBuffer was detached by somebody else. */
  readonly detachedSlabs: number;
  /**
   * Blocks that are lost until the next `reset()`: their view was collected without a free. Only the
   * option `leaks` tells them, and sampled only those of its sample.
   */
  readonly leakedBlocks: number;
  /**
   * What lengths were requested, shortest first. `heapStats()` reads them only when asked, with `{ lengths: true }`;
   * else it has none.
   */
  readonly lengths: readonly LengthStats[];
}

/**
 * Sums over all arenas; the cache and the calls to the OS are counted once.
 *
 * @example
 * const { bytes }: HeapTotals = heapStats().totals;
 * console.log(`${bytes.live} of ${bytes.mapped} bytes are live`);
 */
export type HeapTotals = Omit<ArenaStats, 'version' | 'id' | 'name' | 'backend' | 'lengths'>;

/**
 * What {@link heapStats} returns.
 *
 * @example
 * const { arenas }: HeapStats = heapStats();
 * console.log(arenas.map(({ name, bytes }) => `${name}: ${bytes.live}`));
 */
export interface HeapStats {
  /** Version of this structure. */
  readonly version: number;
  /** When it was read: milliseconds on a clock of this machine that never jumps. */
  readonly atMs: number;
  /** What does the bookkeeping, and why. */
  readonly backend: BackendInfo;
  /**
   * All arenas of all threads of the process, oldest first. On WebAssembly those of this thread only: others have
   * a memory of their own.
   */
  readonly arenas: readonly ArenaStats[];
  /** Sums over them. */
  readonly totals: HeapTotals;
}
