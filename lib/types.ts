/**
 * Public types. Sizes are in bytes unless a name says otherwise.
 */

/**
 * What `new Arena(options)` takes; every option may be left out. An unknown one is refused with
 * `ERR_INVALID_ARG_VALUE`; what the prototype of `options` has is not read.
 *
 * @example
 * const frames = new Arena({ name: 'frames', maxBytes: 256 * 1024 * 1024, leaks: 'sampled' });
 */
export interface ArenaOptions {
  /**
   * Name in statistics: 1 to 63 bytes of UTF-8, without NUL; a longer one is refused. Several arenas may have
   * the same. Where it is printed, control characters are shown as escapes.
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
   * Block sizes in bytes, ascending, instead of the built-in ones: 8 or multiples of 16, at most 96
   * of them, each at most 65536. A request takes the smallest block that holds it; a last size below
   * 65536 is completed by 65536.
   * @default 79 sizes, 8 B to 64 KB
   */
  readonly sizeClasses?: readonly number[];
  /**
   * Transparent huge pages for SuperSlabs and huge mappings: 'auto' leaves the system's setting alone.
   * @default as `HAKMEM_THP`
   */
  readonly thp?: 'auto' | 'always' | 'never';
  /**
   * What becomes of the pages of a SuperSlab or huge mapping that the arena gives up: 'keep': they stay,
   * until it is used again or unmapped; 'batch': they go back to the operating system at once. Or a whole policy, which
   * {@link Arena.setPolicy} can change later: what `arena.policy().settings` was in another process, say.
   * @default as `HAKMEM_FREE_POLICY`
   */
  readonly policy?: 'keep' | 'batch' | PolicySettings;
  /**
   * Bytes that are mapped and touched when the arena is made, in steps of 2 MB, so that its first
   * allocations cost no page faults. They are kept until a `trim()`. At most `maxBytes`.
   * @default 0
   */
  readonly prewarm?: number;
  /**
   * Milliseconds after which memory that was freed, and that nobody needed since, has gone back to the operating
   * system, little by little and without a call: -1 to 86,400,000. What was in use within half of that time is kept at
   * hand. 0: at once; -1: never, but by `trim()`.
   * @default as `HAKMEM_PURGE_DELAY_MS`
   */
  readonly purgeDelayMs?: number;
  /**
   * The flight recorder: so many of the last events behind the front (refills, flushes, slabs that come and go, purges,
   * refusals) are kept, at most 2^20, for {@link Arena.trace}. 24 bytes each; allocations that the front serves are no
   * events and cost the same.
   * @default 0
   */
  readonly trace?: number;
  /**
   * 'observe': {@link Arena.learned} says what the size classes waste on the lengths that are allocated, and which would
   * waste least. It costs nothing, because lengths are counted in any case. 'frozen': it is not asked. 'learn': the same,
   * and once a second what the arena did is looked at, and its {@link Arena.policy} changed: budgets of the front by hit rate, what is kept by
   * trial, the rounding of large blocks by a bandit. What somebody has set stays. Lengths that it holds much of get size classes of
   * their own.
   * @default 'frozen'
   */
  readonly learn?: 'frozen' | 'observe' | 'learn';
  /**
   * What is kept in front of the core. 'recycle': free views, handed out again, and blocks; 'blocks': blocks only, and
   * each allocation of up to 64 KB makes a view; 'off': nothing, so that each allocation and each free is a native call.
   * For comparison: {@link Arena.policy} has what it sets, `frontBytes` to `freeBlocks`, and `policy` goes before it.
   * @default as `HAKMEM_TINY_HEAP_V2`
   */
  readonly front?: 'recycle' | 'blocks' | 'off';
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
   * @default off
   */
  readonly guard?: {
    /** One allocation in so many: 1 to 2^30 - 1. */
    readonly sampleRate: number;
  };
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

/**
 * Values of a size class; each goes before that of the arena.
 *
 * @example
 * const few: ClassSettings = { frontBytes: 0, frontBytesMax: 0 };
 * arena.setPolicy({ classes: { 65536: few } });
 */
export interface ClassSettings {
  /** Bytes of free views that the buckets of a class may keep in any case: 0 to 64 MB. */
  readonly frontBytes?: number;
  /** The same, of a class that has much in use. 0: no view is ever handed out again. */
  readonly frontBytesMax?: number;
  /** Between these, so much of what the class has in use: 0 to 1. */
  readonly frontShare?: number;
  /** Most blocks that come from the core at once: 1 to 64; what is larger comes in smaller batches. */
  readonly batchBlocks?: number;
  /** Most blocks without a view that the front keeps: 0 to 128; of large classes it keeps fewer. 0: none, and no batches. */
  readonly freeBlocks?: number;
}

/**
 * What {@link Arena.setPolicy} and {@link ArenaOptions.policy} take; what is left out stays as it is.
 *
 * @example
 * const settings: PolicySettings = { purgeDelayMs: 500, classes: { 4096: { frontBytes: 1024 * 1024, frontBytesMax: 4 * 1024 * 1024 } } };
 * arena.setPolicy(settings);
 */
export interface PolicySettings extends ClassSettings {
  /**
   * Other values for all that nobody has set: `'default'`, or `'lean'`, which keeps less. The other names that
   * `HAKMEM_TINY_POLICY_PROFILE` takes are `'default'`, and one warning says why.
   */
  readonly profile?: string;
  /** As {@link ArenaOptions.purgeDelayMs}. */
  readonly purgeDelayMs?: number;
  /** As `HAKMEM_FREE_POLICY`. */
  readonly freePolicy?: 'keep' | 'batch';
  /** A class offers empty slabs to be retired when it has more than so many, 0 to 65,536, ... */
  readonly emptySlabsHigh?: number;
  /** ... and so much of all its slabs, 0 to 1; ... */
  readonly emptyShareHigh?: number;
  /** ... until it has so many ... */
  readonly emptySlabsLow?: number;
  /** ... and so much of all its slabs. */
  readonly emptyShareLow?: number;
  /** Large blocks are kept for other sizes: so many times what was lately in use at once, 0 to 64, ... */
  readonly largeVariety?: number;
  /** ... but so many bytes at most. */
  readonly largeVarietyBytes?: number;
  /** A large block that is kept serves requests that are up to so many times smaller: 1 to 2. */
  readonly largeFit?: number;
  /**
   * Large requests are rounded up so that none takes more than so many times its size, 1 to 1.25: near ones get the
   * same block. 1: to slabs of 64 KB.
   */
  readonly largeRounding?: number;
  /**
   * Size classes beside those of the arena, in bytes, ascending: what another one has learned. {@link ArenaOptions.policy}
   * takes them; a living arena gets them from `learn: 'learn'` only.
   */
  readonly sizeClasses?: readonly number[];
  /** By the size of the class, in bytes: one of those that the arena has. */
  readonly classes?: Readonly<Record<number, ClassSettings>>;
}

/**
 * A live allocation that the arena watches; see {@link ArenaOptions.leaks}.
 *
 * @example
 * const watched = new Arena({ leaks: 'all' });
 * watched.tag(watched.allocUnsafe(512), 'request body');
 * const [block] = watched.liveBlocks(); // { size: 512, tag: 'request body', ageMs, stack }
 */
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

/**
 * Message on the channel `hakmem-arena:leak` of `node:diagnostics_channel`: the garbage collector took a
 * view that was not freed.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:leak', (message) => {
 *   const { arena, size, stack } = message as LeakReport;
 *   logger.warn(`${arena}: ${size} bytes dropped without a free\n${stack}`);
 * });
 */
export interface LeakReport extends LiveBlock {
  /** Name of the arena. */
  readonly arena: string;
  /** true: its block was freed. */
  readonly reclaimed: boolean;
}

/**
 * Message on the channel `hakmem-arena:detached` of `node:diagnostics_channel`: somebody detached the
 * ArrayBuffer of a slab, by a transfer or a byte stream.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:detached', (message) => {
 *   const { arena, slab } = message as DetachedReport;
 *   logger.warn(`slab ${slab} of ${arena} was given away`);
 * });
 */
export interface DetachedReport {
  /** Name of the arena. */
  readonly arena: string;
  /** Number of the slab in its arena. */
  readonly slab: number;
}

/**
 * Message on the channel `hakmem-arena:guard` of `node:diagnostics_channel`: a guarded allocation was
 * misused.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:guard', (message) => {
 *   const { kind, allocatedAt, freedAt } = message as GuardReport;
 *   logger.warn(`${kind}\nallocated ${allocatedAt}\nfreed ${freedAt}`);
 * });
 */
export interface GuardReport {
  /** Name of the arena. */
  readonly arena: string;
  /**
   * 'late-write': it was written to after its free; 'double-free': it was freed again. Its ArrayBuffer was
   * taken away (transferred, or given to a byte stream), which takes the Buffers that share a slab with it
   * when there is no guard: 'transfer' while it was live, 'late-transfer' after its free.
   */
  readonly kind: 'late-write' | 'double-free' | 'transfer' | 'late-transfer';
  /** Bytes, as requested. */
  readonly size: number;
  /** Of the first byte that was written late; -1 for all other kinds. */
  readonly offset: number;
  /** Stack of the allocation, a frame a line. */
  readonly allocatedAt: string;
  /** Stack of the free; '' for what was not freed. */
  readonly freedAt: string;
}

/**
 * Message on the channel `hakmem-arena:clone` of `node:diagnostics_channel`, while an arena with the option
 * `guard` exists in the thread: a Buffer was cloned or posted to another thread, and its whole slab with it.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:clone', (message) => {
 *   const { arena, size, bytes, stack } = message as CloneReport;
 *   logger.warn(`${arena}: ${bytes} bytes travel for ${size}\n${stack}`);
 * });
 */
export interface CloneReport {
  /** Name of the arena. */
  readonly arena: string;
  /** Bytes of the Buffer. */
  readonly size: number;
  /** Bytes that travel with it. */
  readonly bytes: number;
  /** Where it was cloned, a frame a line. */
  readonly stack: string;
}

/**
 * What `Buffer.alloc` returns, whichever version of `@types/node` says so: a Buffer over an ArrayBuffer,
 * never over shared memory.
 *
 * @example
 * const frames: ArenaBuffer[] = [arena.alloc(64), arena.from('text')];
 */
export type ArenaBuffer = ReturnType<typeof Buffer.alloc>;

/**
 * The constructor of Float16Array, where the configured `lib` has it.
 *
 * @inline
 */
type Float16Constructor = typeof globalThis extends {
  Float16Array: infer F extends abstract new (...args: never) => ArrayBufferView;
}
  ? F
  : never;

/**
 * The typed arrays and DataView: constructors that {@link Arena.allocTyped} accepts. Where the engine
 * has a `Float16Array`, that too.
 *
 * @example
 * const kinds: ViewConstructor[] = [Float32Array, DataView];
 * const views = kinds.map((kind) => arena.allocTyped(kind, 16));
 */
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
  | DataViewConstructor
  // eslint-disable-next-line @typescript-eslint/no-redundant-type-constituents -- `never` only here
  | Float16Constructor;

/**
 * What {@link Arena.allocTyped} returns: the typed array of a constructor, or its DataView, over an ArrayBuffer
 * and never over shared memory.
 *
 * @example
 * const header: TypedView<DataViewConstructor> = arena.allocTyped(DataView, 16);
 * const memory: ArrayBuffer = header.buffer;
 */
export type TypedView<C extends ViewConstructor> = C extends DataViewConstructor
  ? InstanceType<C> & {
      /** As of any DataView. */
      readonly buffer: ArrayBuffer;
    }
  : InstanceType<C>;
