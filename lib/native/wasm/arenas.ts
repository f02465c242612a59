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
  readonly serial: number;
  readonly name: string;
  /** The core's record. 0: it is no more. */
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
  readonly countersAt: number;
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

/** Bins of runs and huge mappings begin here: HK_BIN_RUN. */
const FIRST_LARGE_BIN = CLASS_COUNT_MAX;

export class WasmArenas {
  readonly #core: Core;
  readonly #memory: SlabMemory;
  readonly #outOfMemory: number;
  readonly #slabOut: Uint32Array;
  readonly #arenas = new Map<number, WasmArena>();
  readonly #collected = new FinalizationRegistry((lease: Lease) => this.#collect(lease));
  #nextId = 0;

  /** @param outOfMemory - the status for that. */
  constructor(core: Core, memory: SlabMemory, outOfMemory: number) {
    this.#core = core;
    this.#memory = memory;
    this.#outOfMemory = outOfMemory;
    this.#slabOut = new Uint32Array(core.memory, core.call.slabOut(), BIN + 1);
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

  /** Enters an arena that the core has just created, on the counters of `left` if they are free. */
  add(core: number, scrubs: boolean, left: Handle | undefined): NativeArena {
    const { call } = this.#core;
    const serial = call.serial(core);
    const name = this.#core.text(call.nameOf(core));
    const id = this.#nextId++;
    this.#arenas.set(id, { id, serial, name, core, scrubs, slabs: new Map(), hasEnded: false });
    const countersAt = call.counters(core);
    const handle = this.#handleFor(id, countersAt, left);
    const counters = this.#core.memory;
    const countersBytes = call.countersBytes();
    return { id, serial, name, counters, countersAt, countersBytes, handle };
  }

  #handleFor(id: number, countersAt: number, left: Handle | undefined): Handle {
    if (left?.lease.countersAt === countersAt) {
      left.lease.id = id;
      return left;
    }
    const handle = new Handle({ id, countersAt });
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
      if (lengthOf(known.buffer) !== 0) return known.buffer;
      this.#giveAway(arena, slab);
    }
    let buffer: ArrayBuffer;
    try {
      buffer = this.#memory.take(address, bytes);
    } catch {
      this.#core.call.noteRefusal(arena.core, this.#outOfMemory);
      return -this.#outOfMemory;
    }
    this.#core.call.setExposed(arena.core, slab, 1);
    arena.slabs.set(slab, { buffer, address, isMoving: false, isPinned: false });
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
    arena.slabs.delete(slab);
    this.#core.call.setExposed(arena.core, slab, 0);
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
    arena.slabs.delete(slab);
    call.giveAway(arena.core, slab);
    call.setExposed(arena.core, slab, 0);
  }

  #collect({ id, countersAt }: Lease): void {
    if (this.#core.isBroken) return;
    const arena = this.findPinned(id);
    if (arena !== undefined) {
      for (const slab of arena.slabs.keys()) this.#giveAway(arena, slab);
      this.end(arena);
    }
    this.#core.call.dropCounters(countersAt);
  }
}
