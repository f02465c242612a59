/**
 * Entries: what a backend offers, the addon (csrc/binding) or the core as WebAssembly (wasm/).
 *
 * Functions return a result >= 0, or a negated status of the core.
 */

/** A core arena. */
export interface NativeArena {
  /** Names it in every other call; no arena of this environment had or will have the same. */
  readonly id: number;
  /** Number of the arena in the process. */
  readonly serial: number;
  readonly name: string;
  /** The front's counters, over core memory: all of this, or {@link countersBytes} of it from a byte on. */
  readonly counters: ArrayBufferLike;
  readonly countersAt?: number;
  readonly countersBytes?: number;
  /** When this object is collected, the arena ends with its last exposed slab. Whoever has the counters has it. */
  readonly handle: object;
}

/** What does not change in the life of an arena. */
export interface NativeArenaInfo {
  readonly name: string;
  /** undefined: those of the default classes. */
  readonly strides?: readonly number[];
}

/** The SuperSlabs of one arena as flat integers; lib/stats/heap-map.ts knows the layout. */
export interface NativeArenaMap {
  readonly serial: number;
  readonly name: string;
  readonly strides: Uint32Array;
  readonly rows: Uint32Array;
}

export interface NativeStatus {
  readonly name: string;
  readonly value: number;
  readonly text: string;
}

export interface NativeOption {
  readonly name: string;
  /** Words separated by '|', or '' for a number. */
  readonly choices: string;
  readonly unit: string;
  readonly meaning: string;
  readonly value: number;
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** An option of an arena that reaches the core as a number. */
export interface NativeArenaOption {
  readonly name: string;
  /** Words separated by '|', of which it is 1 + the index; or '' for a number. */
  readonly choices: string;
  readonly meaning: string;
  readonly max: number;
}

/** Offsets into the counters, in elements; see hk_counters_t. */
export interface CounterLayout {
  readonly allocs: number;
  readonly frees: number;
  readonly cellBase: number;
  readonly cellCount: number;
  readonly binBase: number;
  readonly cellLengths: number;
  readonly liveBytes: number;
  readonly liveBlockBytes: number;
  readonly binCount: number;
  readonly moves: number;
  /** What the front counts for the whole arena, by the names that statistics have for it. */
  readonly stats: Readonly<Record<string, number>>;
  /** What it says of each bin, likewise: where bin 0 stands. */
  readonly binStats: Readonly<Record<string, number>>;
}

export interface NativeTables {
  readonly statsVersion: number;
  readonly binFields: readonly string[];
  readonly arenaFields: readonly string[];
  readonly processFields: readonly string[];
  readonly statuses: readonly NativeStatus[];
  readonly options: readonly NativeOption[];
  readonly arenaOptions: readonly NativeArenaOption[];
  readonly optionWarnings: readonly string[];
  readonly counters: CounterLayout;
  readonly defaultStrides: readonly number[];
  readonly rowNames: readonly string[];
  readonly rowSizes: readonly number[];
  readonly runBin: number;
  readonly hugeBin: number;
  /** Of events, by their number. */
  readonly eventKinds: readonly string[];
  readonly stages: readonly string[];
}

/** A number that counting again does not bear out; `bin` and `slab` may be of none. */
export interface NativeDifference {
  readonly what: string;
  readonly bin: number;
  readonly slab: number;
  readonly counted: number;
  readonly recorded: number;
}

export interface Native {
  /** Whether a call was interrupted, so that all others are refused now: ERR_INVALID_STATE. */
  readonly isBroken?: () => boolean;
  /** How deep the stack is, for lib/base/stack.ts. */
  readonly stackDepth?: () => number;
  /** Whether JavaScript may see memory that is not the engine's own. */
  readonly externalBuffers: boolean;
  readonly tables: NativeTables;
  /**
   * Block references on their way: 2048 integers from byte {@link exchangeAt} (or 0) on, shared by all calls of this
   * environment. Another one when somebody has detached the last.
   */
  readonly exchange: ArrayBufferLike;
  readonly exchangeAt?: number;
  /**
   * `settings`: see {@link settingsOf}; without them each is 0, which is its default. `counters` and
   * `handle`: those of an arena that has ended; they are used again, or the new arena has others. Where both are, the
   * result may be its `id` alone, and the first two integers of `exchange` its `serial`.
   */
  createArena(
    name: string,
    settings?: Float64Array,
    classSizes?: Uint32Array,
    counters?: ArrayBufferLike,
    handle?: object,
  ): NativeArena | number;
  /**
   * `pinned`: slabs that stay attached, out of use, until they are unpinned. `counters`: the arena's, which may serve
   * another one when it has ended.
   */
  destroyArena(arena: number, pinned?: Uint32Array, counters?: ArrayBufferLike): number;
  resetArena(arena: number, pinned?: Uint32Array): number;
  trimArena(arena: number): number;
  /**
   * What the core goes by from now on: purge delay in milliseconds, free policy, and of empty slabs the high limit and
   * the low one, each as a number and as a share in 1/65536.
   */
  setPolicy(arena: number, values: Float64Array): number;
  /**
   * Adds a size class to an arena that was created with classes of its own: its index, or a negative status. `stride`: bytes
   * of its blocks, 8 or a multiple of 16.
   */
  addClass(arena: number, stride: number): number;
  /** Retires such a class: the next longer one serves its lengths. */
  retireClass(arena: number, index: number): number;
  /**
   * All arenas of this environment, and the cache, give back what nobody needed for a while, for a millisecond's
   * work. Milliseconds until the next call; -1: nothing waits.
   */
  decay(): number;
  /** Gives back pages of a large block that the front keeps; returns their bytes. */
  purgeLarge(arena: number, ref: number, from: number, bytes: number): number;
  /** Bytes of pages that went back to the operating system so far, by a trim or on the way. */
  returnedBytes(arena: number): number;
  refill(arena: number, bin: number, want: number): number;
  /** Says that `refusal`, of `refill` or `largeAlloc`, was answered by another try, which gave `result`. */
  noteRetry(arena: number, refusal: number, result: number): number;
  /** A slab to retire, plus one; or 0. */
  flush(arena: number, bin: number, count: number): number;
  /** The first integer of `exchange` is then 1 if the block reads as zero, else 0. */
  largeAlloc(arena: number, size: number): number;
  largeFree(arena: number, ref: number): number;
  /** Refused while somebody holds the bytes of the slab's last ArrayBuffer, which was taken away. */
  expose(arena: number, slab: number): ArrayBuffer | number;
  nextRetirable(arena: number, keep: number): number;
  retire(arena: number, slab: number): number;
  /** Also for an arena that was destroyed with pinned slabs; the last one ends it. */
  unpin(arena: number, slab: number): number;
  /** See mover.ts. */
  setMover(move: (buffer: ArrayBuffer) => ArrayBuffer): number;
  /** Hands over the first `bytes` of a block; a ticket. */
  offer(arena: number, ref: number, bytes: number): number;
  /** Takes a block back that nobody has adopted: its reference, bin and bytes. */
  recall(arena: number, ticket: number): Float64Array | number;
  /** A block beyond 64 KB that has come back; -1: there is none. */
  takeReturned(arena: number): number;
  /** Adopts a block; its bytes, and nothing around them. */
  adopt(ticket: number): ArrayBuffer | number;
  /** The same for the first `count` of the tickets, at most 32, for less; into an array that has as many elements. */
  adoptAll(tickets: Float64Array, count: number, results: (ArrayBuffer | number)[]): number;
  /** Detaches what this thread has adopted and returns it, at once or when nobody has its bytes any more. */
  release(ticket: number): number;
  /** Detaches an ArrayBuffer of the engine's own. 1: it was marked as one that must stay attached. */
  detach(buffer: ArrayBuffer): number;
  /** Doubles that one arena takes at most in what follows, the process's own fields aside. */
  readonly statsRecordMax: number;
  /** The process's own fields; lib/native/snapshot.ts knows the layout. */
  processStats(out: Float64Array): number;
  /** Doubles written: those of the process, then the arena's record. */
  arenaStats(arena: number, out: Float64Array): number;
  /** The same of every arena of the process; minus the length needed when `out` is too short. */
  heapStats(out: Float64Array): number;
  arenaInfo(serial: number): NativeArenaInfo | undefined;
  /** The same for numbers that ascend, in one walk; arenas that have ended are left out. */
  arenaInfos(serials: Float64Array): (NativeArenaInfo | undefined)[];
  heapMap(): NativeArenaMap[];
  /** Doubles that `arenaLengths` writes at most. */
  readonly lengthsMax: number;
  /**
   * Doubles written, of an arena of any thread: for each length, or range of them, the first, the last, allocations,
   * live ones and their bytes.
   */
  arenaLengths(serial: number, out: Float64Array): number;
  /** Doubles written, of the last events that fit: milliseconds, kind, bin, stage and amount of each. */
  arenaTrace(arena: number, out: Float64Array): number;
  verifyArena(arena: number): NativeDifference[];
}

/** Every entry, as `typeof` tells it. */
export const ENTRIES: Readonly<
  Record<
    Exclude<keyof Native, 'exchangeAt' | 'isBroken' | 'stackDepth'>,
    'boolean' | 'function' | 'number' | 'object'
  >
> = {
  externalBuffers: 'boolean',
  tables: 'object',
  exchange: 'object',
  createArena: 'function',
  destroyArena: 'function',
  resetArena: 'function',
  returnedBytes: 'function',
  trimArena: 'function',
  setPolicy: 'function',
  addClass: 'function',
  retireClass: 'function',
  decay: 'function',
  purgeLarge: 'function',
  refill: 'function',
  noteRetry: 'function',
  flush: 'function',
  largeAlloc: 'function',
  largeFree: 'function',
  expose: 'function',
  nextRetirable: 'function',
  retire: 'function',
  unpin: 'function',
  setMover: 'function',
  offer: 'function',
  recall: 'function',
  takeReturned: 'function',
  adopt: 'function',
  adoptAll: 'function',
  release: 'function',
  detach: 'function',
  statsRecordMax: 'number',
  processStats: 'function',
  arenaStats: 'function',
  heapStats: 'function',
  arenaInfo: 'function',
  arenaInfos: 'function',
  heapMap: 'function',
  lengthsMax: 'number',
  arenaLengths: 'function',
  arenaTrace: 'function',
  verifyArena: 'function',
};
