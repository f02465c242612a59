/**
 * Types of what is counted on the way between front, core, cache and system. Everything is a count.
 */

/**
 * Where the core found the first block for each allocation that its front could not serve, in the order in which it
 * looks. Together they are `slow`.
 *
 * @example
 * const { os, cached } = arena.stats().classes.find(({ name }) => name === 'C7')!.stages;
 * if (os > cached) console.log('1 KB Buffers are slow because memory is mapped for them');
 */
export interface StageStats {
  /** In the slab that the class takes from. */
  readonly current: number;
  /** In another slab of the class, with some blocks out. */
  readonly partial: number;
  /** In a slab of the class without blocks out. */
  readonly empty: number;
  /** In unused slabs of the arena's SuperSlabs. */
  readonly slot: number;
  /** In a SuperSlab of the process-wide cache. */
  readonly cached: number;
  /** In a SuperSlab, or a huge mapping, fresh from the operating system. */
  readonly os: number;
}

/**
 * Slabs of a class, as they come and go. `bound - retired` are there.
 *
 * @example
 * const wander = ({ bound, retired }: PageStats) => retired > bound / 2;
 */
export interface PageStats {
  /** Slabs that the class got. */
  readonly bound: number;
  /** Slabs that left it, those of a reset included. */
  readonly retired: number;
  /** How often one became empty while it was not current. */
  readonly emptied: number;
  /** Current slabs that were needed when there was none. */
  readonly prepareWithCurrentNull: number;
  /** Slabs with some blocks out that became current. */
  readonly prepareFromPartial: number;
  /** Slabs without blocks out that became current. */
  readonly prepareFromEmpty: number;
  /** Slabs that stopped being current although some of their blocks were free: they were given away. */
  readonly currentDroppedToPartial: number;
}

/**
 * Whether slabs that became current had their pages.
 *
 * @example
 * const coldShare = ({ hits, misses }: WarmStats) => misses / Math.max(1, hits + misses);
 */
export interface WarmStats {
  /** All of them were there. */
  readonly hits: number;
  /** The slab was new to the class, or pages of it had gone back to the operating system. */
  readonly misses: number;
  /** Batches for a size that had not missed yet, with blocks that other threads freed (C callers only). */
  readonly prefilled: number;
}

/**
 * What the front in JavaScript keeps of a class. The first two are as they are now.
 *
 * @example
 * const isTight = ({ cap, refused }: FrontStats) => cap > 0 && refused > 0;
 */
export interface FrontStats {
  /** Views that it may keep. */
  readonly cap: number;
  /** Blocks that it asks the core for next. */
  readonly batch: number;
  /** Frees whose view stays for the next allocation of its length; those of a reset count here, too. */
  readonly toBucket: number;
  /** Frees that ended their view, because none more of its length is kept; the block waits for another view. */
  readonly toStack: number;
  /** Views that it gave up because less of them was in demand. */
  readonly dropped: number;
  /** How often the budget was used up when a length wanted room. */
  readonly refused: number;
}

/**
 * The process-wide cache of SuperSlabs and huge mappings; the same for every arena.
 *
 * @example
 * const { hits, misses } = heapStats().totals.cache;
 */
export interface CacheStats {
  /** Requests that it served. */
  readonly hits: number;
  /** Requests that it could not serve. */
  readonly misses: number;
  /** Unmapped because of `HAKMEM_SUPERSLAB_MAX_CACHED`. */
  readonly evictedByCount: number;
  /** Unmapped because of `HAKMEM_SUPERSLAB_MAX_MEMORY_MB`. */
  readonly evictedByBytes: number;
  /** Unmapped because of their age, `HAKMEM_SUPERSLAB_TTL_SEC`. */
  readonly expired: number;
  /** Those that wait now, because an operation of the system may still write to them. */
  readonly quarantined: number;
  /** Arenas created so far. */
  readonly arenas: number;
  /** Of those: with what one that had ended left behind. */
  readonly arenasFromKept: number;
}

/**
 * Locks of the core, all taken together; the same for every arena. None is on the way of an allocation that the
 * arena can serve.
 *
 * @example
 * const { acquired, contended } = heapStats().totals.locks;
 */
export interface LockStats {
  /** How often one was taken. */
  readonly acquired: number;
  /** How often another thread had it. */
  readonly contended: number;
}

/**
 * Allocations of one length, or of lengths that are not counted one by one: those beyond 1 KB that do not repeat,
 * blocks beyond 64 KB, and blocks of C callers.
 *
 * @example
 * const byMemory = [...arena.stats().lengths].sort((a, b) => b.liveBytes - a.liveBytes);
 */
export interface LengthStats {
  /** The length in bytes; of a range, the shortest that is served by its block size. */
  readonly from: number;
  /** The same length; of a range, the longest. */
  readonly to: number;
  /** Allocations so far. */
  readonly allocs: number;
  /** Not freed. */
  readonly live: number;
  /** Bytes requested for them. */
  readonly liveBytes: number;
}
