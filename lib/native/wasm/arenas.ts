/**
 * Wasm arenas: what csrc/binding/environment.cc and slabs.cc are for the addon. Which arenas there are, and the
 * ArrayBuffer of each of their slabs.
 *
 * It is simpler than with memory of the core: whoever has taken an ArrayBuffer away has its memory, too, which is the
 * engine's, and the slab just gets other memory.
 */
import type { NativeArena } from '../entries';
import { CLASS_COUNT_MAX } from '../geometry';
import type { Core } from './core';
import { type SlabMemory, lengthOf, moved, zero } from './slab-memory';

interface Slab {
  readonly buffer: ArrayBuffer;
  readonly address: number;
  /** Its memory is being moved. That may have been interrupted: then it is given up. */
  isMoving: boolean;
  /** A view of it is retained beyond a reset: it stays attached until it is unpinned. */
  isPinned: boolean;
}

export interface WasmArena {
  readonly id: number;
  serial: number;
  name: string;
  /** The core's record. 0: there is none yet, or none any more. */
  core: number;
  /** What a reset leaves has to be zeroed at once. */
  readonly scrubs: boolean;
  readonly slabs: Map<number, Slab>;
  /** Destroyed while slabs were pinned: only unpinning is left. */
  hasEnded: boolean;
}

/** What has to be done when a handle is garbage: the arena ends, and nobody reads these counters any more. */
interface Lease {
  id: number;
  /** 0: there are none yet. */
  countersAt: number;
}

/** Given out as the `handle` of an arena. */
class Handle {
  readonly lease: Lease;

  constructor(lease: Lease) {
    this.lease = lease;
  }
}

/** Fields of `slabOut`, as csrc/wasm/exports.c has them. */
const ADDRESS = 0;
const BYTES = 1;
const BIN = 2;

/** Fields of `created`. */
const SERIAL = 0;
const COUNTERS_AT = 1;

/** Bins of runs and huge mappings begin here: HK_BIN_RUN. */
const FIRST_LARGE_BIN = CLASS_COUNT_MAX;

export class WasmArenas {
  readonly #core: Core;
  readonly #memory: SlabMemory;
  readonly #outOfMemory: number;
  readonly #slabOut: Uint32Array;
  readonly #created: Float64Array;
  readonly #countersBytes: number;
  readonly #arenas = new Map<number, WasmArena>();
  readonly #collected = new FinalizationRegistry((lease: Lease) => this.#collect(lease));
  #nextId = 0;

  /** @param outOfMemory - the status for that. */
  constructor(core: Core, memory: SlabMemory, outOfMemory: number) {
    this.#core = core;
    this.#memory = memory;
    this.#outOfMemory = outOfMemory;
    this.#slabOut = new Uint32Array(core.memory, core.call.slabOut(), BIN + 1);
    this.#created = new Float64Array(core.memory, core.call.created(), COUNTERS_AT + 1);
    this.#countersBytes = core.call.countersBytes();
  }

  /** Those of this thread, oldest first. */
  *all(): Iterable<WasmArena> {
    for (const arena of this.#arenas.values()) if (arena.core !== 0) yield arena;
  }

  find(id: unknown): WasmArena | undefined {
    const arena = this.#arenas.get(id as number);
    return arena?.hasEnded === false ? arena : undefined;
  }

  /** The same, one that has ended but for its pins included. */
  findPinned(id: unknown): WasmArena | undefined {
    const arena = this.#arenas.get(id as number);
    return arena?.core === 0 ? undefined : arena;
  }

  /** The handle of an arena that has ended, whose counters may serve the next one. */
  leftBy(handle: unknown): Handle | undefined {
    return handle instanceof Handle && !this.#arenas.has(handle.lease.id) ? handle : undefined;
  }

  /**
   * Creates an arena with the core's `create`, on the counters of `left`. Returns minus a status if that fails.
   *
   * All that can throw, or be told to stop, comes before it: an arena of the core that nobody has entered here would
   * be in all statistics, and never end.
   */
  create(
    name: string,
    scrubs: boolean,
    left: Handle | undefined,
    create: (countersAt: number) => number,
  ): NativeArena | number {
    const id = this.#nextId++;
    const handle = left ?? this.#makeHandle();
    const { lease } = handle;
    const arena: WasmArena = {
      id,
      serial: 0,
      name,
      core: 0,
      scrubs,
      slabs: new Map(),
      hasEnded: false,
    };
    this.#arenas.set(id, arena);
    lease.id = id;
    const core = create(lease.countersAt);
    if (core < 0) {
      this.#arenas.delete(id);
      return core;
    }
    arena.core = core;
    arena.serial = this.#created[SERIAL]!;
    lease.countersAt = this.#created[COUNTERS_AT]!;
    arena.name ||= `arena-${arena.serial}`;
    return {
      id,
      serial: arena.serial,
      name: arena.name,
      counters: this.#core.memory,
      countersAt: lease.countersAt,
      countersBytes: this.#countersBytes,
      handle,
    };
  }

  #makeHandle(): Handle {
    const handle = new Handle({ id: -1, countersAt: 0 });
    this.#collected.register(handle, handle.lease);
    return handle;
  }

  /** The slab's ArrayBuffer, or minus a status. */
  expose(arena: WasmArena, slab: number): ArrayBuffer | number {
    const status = this.#core.call.slabInfo(arena.core, slab);
    if (status < 0) return status;
    const address = this.#slabOut[ADDRESS]!;
    const bytes = this.#slabOut[BYTES]!;
    const known = arena.slabs.get(slab);
    if (known !== undefined) {
      if (lengthOf(known.buffer) !== 0) return this.#exposed(arena, slab, known);
      this.#giveAway(arena, slab);
    }
    let buffer: ArrayBuffer;
    try {
      buffer = this.#memory.take(address, bytes);
    } catch {
      this.#core.call.noteRefusal(arena.core, this.#outOfMemory);
      return -this.#outOfMemory;
    }
    const entry = { buffer, address, isMoving: false, isPinned: false };
    arena.slabs.set(slab, entry);
    return this.#exposed(arena, slab, entry);
  }

  /** Whatever is interrupted: a slab that the core takes for exposed has an entry here, or it would never be concealed. */
  #exposed(arena: WasmArena, slab: number, { buffer }: Slab): ArrayBuffer {
    this.#core.call.setExposed(arena.core, slab, 1);
    return buffer;
  }

  /** Detaches the slab's ArrayBuffer, if it has one. */
  conceal(arena: WasmArena, slab: number): void {
    const known = arena.slabs.get(slab);
    if (known === undefined) return;
    const isAgain = known.isMoving;
    known.isMoving = true;
    const buffer = isAgain ? undefined : moved(known.buffer);
    if (buffer === undefined) {
      this.#giveAway(arena, slab);
      return;
    }
    if (arena.scrubs) zero(buffer);
    this.#memory.conceal(known.address, buffer);
    this.#core.call.setExposed(arena.core, slab, 0);
    arena.slabs.delete(slab);
  }

  /** All but those that are pinned, which `pinned` adds to. */
  concealAll(arena: WasmArena, pinned: readonly number[]): void {
    for (const slab of pinned) {
      const known = arena.slabs.get(slab);
      if (known !== undefined && lengthOf(known.buffer) !== 0) known.isPinned = true;
    }
    for (const [slab, { isPinned }] of arena.slabs) if (!isPinned) this.conceal(arena, slab);
  }

  concealLarge(arena: WasmArena, slab: number): void {
    const isKnown = this.#core.call.slabInfo(arena.core, slab) === 0;
    if (isKnown && this.#slabOut[BIN]! >= FIRST_LARGE_BIN) this.conceal(arena, slab);
  }

  unpin(arena: WasmArena, slab: number): void {
    if (arena.slabs.get(slab)?.isPinned === true) this.conceal(arena, slab);
    if (arena.hasEnded) this.end(arena);
  }

  /** Ends an arena whose slabs are concealed, or else with the last of them. */
  end(arena: WasmArena): void {
    arena.hasEnded = true;
    if (this.#core.call.end(arena.core) !== 0) return;
    // At once and without a call: what follows may throw, and nobody may end it again.
    arena.core = 0;
    this.#arenas.delete(arena.id);
  }

  /** Somebody has the slab's ArrayBuffer, or nobody may detach it: its memory goes with it. */
  #giveAway(arena: WasmArena, slab: number): void {
    const { call } = this.#core;
    call.giveAway(arena.core, slab);
    call.setExposed(arena.core, slab, 0);
    arena.slabs.delete(slab);
  }

  #collect({ id, countersAt }: Lease): void {
    if (this.#core.isBroken) return;
    const arena = this.findPinned(id);
    if (arena === undefined) {
      // It was never made, or something threw when it had ended.
      this.#arenas.delete(id);
    } else {
      for (const slab of arena.slabs.keys()) this.#giveAway(arena, slab);
      this.end(arena);
    }
    if (countersAt !== 0) this.#core.call.dropCounters(countersAt);
  }
}
