/**
 * Public types. Sizes are in bytes unless a name says otherwise.
 */

/** What `new Arena(options)` takes. */
export interface ArenaOptions {
  /**
   * Name in statistics; at most 63 bytes of UTF-8 are kept.
   * @default 'arena-<id>'
   */
  readonly name?: string;
  /**
   * Limit, in bytes, on slabs, runs and huge mappings in use; they count in steps of 64 KB. Beyond
   * it allocation throws `ERR_HAKMEM_OUT_OF_MEMORY`. 0: no limit.
   * @default 0
   */
  readonly maxBytes?: number;
  /**
   * Block sizes in bytes, ascending, instead of the built-in ones: 8 or multiples of 16, at most 64
   * of them, each at most 65536. A request takes the smallest block that holds it; a last size below
   * 65536 is completed by 65536.
   * @default 64 sizes from 8 to 65536, at most 12.5 % apart between 128 B and 8 KB
   */
  readonly sizeClasses?: readonly number[];
  /**
   * 'recycle': a freed view is handed out again with its memory. 'fresh': every allocation makes a new
   * view, so that a stale one is known for ever and refused with `ERR_HAKMEM_STALE_VIEW`.
   * @default 'recycle'
   */
  readonly views?: 'recycle' | 'fresh';
  /**
   * Guards one allocation in `sampleRate` (1 or more; from 100 on fewer in a hot loop) of up to 64 KB: it
   * lives alone in memory of its own, which is filled with a pattern when it is freed and checked for late
   * writes. What is found is reported on the channel `hakmem-arena:guard` and as a warning.
   * @default no guard
   */
  readonly guard?: { readonly sampleRate: number };
  /**
   * Watches allocations: all, or one in `guard.sampleRate` (1000 without it). `arena.liveBlocks()` lists
   * those that are live, with their stack; one whose view the garbage collector took without a free is
   * reported on the channel `hakmem-arena:leak` and as a warning.
   * @default 'off'
   */
  readonly leaks?: 'off' | 'sampled' | 'all';
  /**
   * 'gc': the block of such a view is freed. Needs `leaks: 'all'`. Keep the view itself then as long as
   * its bytes are in use: a `subarray` of it does not count.
   * @default 'never'
   */
  readonly reclaim?: 'never' | 'gc';
  /**
   * When memory is zeroed: 'alloc': where `alloc` and `allocTyped` ask for it; 'free': also whenever it
   * is freed, so that nothing is left for a later reader.
   * @default 'alloc'
   */
  readonly zero?: 'alloc' | 'free';
}

/** A live allocation that the arena watches; see `leaks`. */
export interface LiveBlock {
  /** Bytes, as requested. */
  readonly size: number;
  /** Milliseconds since it was allocated. */
  readonly ageMs: number;
  /** What `arena.tag` said. */
  readonly tag: string | undefined;
  /** Where it was allocated. */
  readonly stack: string;
}

/** Message on the channel `hakmem-arena:leak`. */
export interface LeakReport extends LiveBlock {
  readonly arena: string;
  /** true: its block was freed. */
  readonly reclaimed: boolean;
}

/** Message on the channel `hakmem-arena:detached`: somebody detached the ArrayBuffer of a slab. */
export interface DetachedReport {
  readonly arena: string;
  /** Number of the slab in its arena. */
  readonly slab: number;
}

/** Message on the channel `hakmem-arena:guard`. */
export interface GuardReport {
  readonly arena: string;
  readonly kind: 'late-write' | 'double-free';
  /** Bytes, as requested. */
  readonly size: number;
  /** Of the first byte that was written late; -1 for a double free. */
  readonly offset: number;
  /** Stacks of the allocation and of the free. */
  readonly allocatedAt: string;
  readonly freedAt: string;
}

/** The typed arrays and DataView: constructors that {@link Arena.allocTyped} accepts. */
export type ViewConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor
  | DataViewConstructor;

/** Statistics of one block size. Counts of blocks unless said otherwise. */
export interface BinStats {
  /** Block size in bytes; 0 for runs and huge mappings, whose blocks differ in size. */
  readonly blockSize: number;
  /** Allocations so far: `fast + slow`. */
  readonly allocs: number;
  /** Allocations served without a native call. */
  readonly fast: number;
  /** Allocations that needed a native call. */
  readonly slow: number;
  /** Batches taken from the core. */
  readonly refills: number;
  /** Batches given back to it. */
  readonly flushes: number;
  /** Frees so far: `local + remote`. */
  readonly frees: number;
  /** Frees by the arena's own thread. */
  readonly local: number;
  /** Frees by other threads (C callers only). */
  readonly remote: number;
  /** Blocks allocated and not freed. */
  readonly live: number;
  /** Bytes requested for them. */
  readonly liveBytes: number;
  /** Bytes of the blocks they take. */
  readonly blockBytes: number;
  /** Free blocks kept by the front. */
  readonly frontBlocks: number;
  /** Free blocks in the core. */
  readonly freeBlocks: number;
  /** Freed by another thread and not collected yet. */
  readonly remoteBlocks: number;
  /** All blocks: `live + frontBlocks + freeBlocks + remoteBlocks`. */
  readonly capacity: number;
  /** Slabs of 64 KB. */
  readonly slabs: number;
  /** Slabs, beside the current one, with some blocks free and some not. */
  readonly partialSlabs: number;
  /** Most blocks ever out of the core at once, `frontBlocks` included. */
  readonly highWater: number;
}

/** One reporting class: the sum of its bins. */
export interface ClassStats extends Omit<BinStats, 'blockSize'> {
  /** 'C0'..'C7' (up to 8, 16 .. 1024 B), 'M0'..'M5' (2 .. 64 KB), 'run' (2 MB), 'huge'. */
  readonly name: string;
  /** Largest request in bytes that belongs to this class. */
  readonly maxSize: number;
  /** The block sizes of this class that were ever used. */
  readonly bins: readonly BinStats[];
}

/** Where the bytes are: `live + front + freeInSlab + freeSlabs + slack = committed`. */
export interface ByteStats {
  /** Requested by live allocations. */
  readonly live: number;
  /** In free blocks kept by the front. */
  readonly front: number;
  /** In free blocks of slabs in use. */
  readonly freeInSlab: number;
  /** In slabs that belong to no class. */
  readonly freeSlabs: number;
  /** Lost to rounding: block size over request, slab size over its blocks. */
  readonly slack: number;
  /** Address space of the SuperSlabs and huge mappings held. Pages never touched cost no memory. */
  readonly committed: number;
  /** Address space kept by the process-wide cache, shared by all arenas. */
  readonly cached: number;
  /** `committed + cached`. */
  readonly mapped: number;
  /** Kept alive by holders after a reset or destroy. */
  readonly pinned: number;
  /** In slabs, runs and huge mappings in use: what `maxBytes` limits. */
  readonly used: number;
}

/** SuperSlabs (2 MB each) and huge mappings. */
export interface SuperSlabStats {
  /** Held by the arena. */
  readonly live: number;
  /** In the process-wide cache, shared by all arenas. */
  readonly cached: number;
  /** Held with no slab in use. */
  readonly empties: number;
  /** Taken from the cache so far. */
  readonly adopted: number;
}

/** Calls to the operating system since the process started; the same for every arena. */
export interface OsStats {
  readonly map: number;
  readonly mapFailed: number;
  readonly unmap: number;
  readonly unmapFailed: number;
  readonly purge: number;
  /** Purges refused because the process has too many mappings. */
  readonly purgeEnomem: number;
  /** Purges refused for another reason. */
  readonly purgeFailed: number;
  /** true: the process no longer purges (see `purgeEnomem`). */
  readonly purgeDisabled: boolean;
}

/** Requests that failed, and misuse that the core saw. */
export interface FailureStats {
  /** The operating system refused memory. */
  readonly os: number;
  /** The arena's `maxBytes` was reached. */
  readonly limit: number;
  /** Double frees that reached the core. */
  readonly doubleFrees: number;
}

/** What {@link Arena.stats} returns: a snapshot. */
export interface ArenaStats {
  /** Version of this structure. */
  readonly version: number;
  readonly id: number;
  readonly name: string;
  /** Limit on `bytes.used`; 0: none. */
  readonly maxBytes: number;
  /** One row per reporting class, always all of them, smallest first. */
  readonly classes: readonly ClassStats[];
  readonly superslabs: SuperSlabStats;
  readonly os: OsStats;
  readonly bytes: ByteStats;
  readonly failures: FailureStats;
  /** Slabs whose ArrayBuffer was detached by somebody else. */
  readonly detachedSlabs: number;
}

/** Sums over all arenas; the cache and the calls to the OS are counted once. */
export type HeapTotals = Omit<ArenaStats, 'version' | 'id' | 'name' | 'maxBytes'>;

/** What {@link heapStats} returns. */
export interface HeapStats {
  /** Version of this structure. */
  readonly version: number;
  /** When it was read: milliseconds on a clock of this machine that never jumps. */
  readonly atMs: number;
  /** All arenas of all threads of the process, oldest first. */
  readonly arenas: readonly ArenaStats[];
  readonly totals: HeapTotals;
}
