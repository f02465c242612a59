/**
 * Slabs: the ArrayBuffer of each slab of one arena.
 *
 * A slab is exposed on first use and keeps its ArrayBuffer until it is retired. Somebody else may
 * detach it (a transfer, a byte stream); then it is theirs until they let go of it. That is counted, and
 * warned about once.
 */
import { noteSuperSlabs } from '../events/events';
import { SLAB_BYTES } from '../native/geometry';
import { SLAB_BUSY, frontStat, markExposed, native } from '../native/native';
import { DETACHED_CHANNEL, report } from '../events/reports';
import type { DetachedReport } from '../types';
import { clearBytes, sizeOf } from '../view/kinds';

/** Parts of a slab, as pairs of positions: where each begins and ends. */
export type Ranges = readonly (readonly [number, number])[];

/** What stays of a front that is reset or destroyed. */
export interface Remains {
  /** Slabs that stay attached, because a view of them is retained; undefined: there are none. */
  readonly slabs: Uint32Array | undefined;
  /** Where these views are. */
  readonly kept: ReadonlyMap<number, Ranges>;
}

export const NO_REMAINS: Remains = { slabs: undefined, kept: new Map() };

/** UINT32_MAX: see hk_next_retirable. */
const KEEP_BY_POLICY = 0xffffffff;
/** As many as a class keeps in any case: see csrc/arena/policy.c. */
const KEEP_FEW = 4;

const DETACHED_SLABS = frontStat('detached_slabs');

function reportDetached(arena: string, slab: number): void {
  report(() => ({
    channel: DETACHED_CHANNEL,
    message: { arena, slab } satisfies DetachedReport,
    code: 'HAKMEM_DETACHED_SLAB',
    place: '',
    text:
      'An ArrayBuffer of an arena was detached (transferred, or given to a byte stream); Buffers that ' +
      'shared its slab have length 0 now. Give away copyOut(view) instead.',
  }));
}

export class SlabTable {
  readonly #arena: number;
  readonly #name: string;
  readonly #counters: Float64Array;
  /** By slab number; undefined: not exposed. It may have been detached. */
  readonly buffers: (ArrayBuffer | undefined)[] = [];
  /** Those of spans, to tell them from runs of the same size; undefined: there was none yet. */
  #spans: WeakSet<ArrayBuffer> | undefined;

  constructor(arena: number, name: string, counters: Float64Array) {
    this.#arena = arena;
    this.#name = name;
    this.#counters = counters;
  }

  /** The ArrayBuffer of a slab in use. undefined: it was given away, or the engine has no memory for one. */
  bufferOf(slab: number): ArrayBuffer | undefined {
    const buffer = this.#show(slab);
    return typeof buffer === 'number' ? undefined : buffer;
  }

  /** Whether somebody has taken away the ArrayBuffer of a slab in use: no block of it may be used. */
  isGivenAway(slab: number): boolean {
    return this.#show(slab) === SLAB_BUSY;
  }

  /** The same of a slab or span that serves a class. */
  isClassGivenAway(slab: number): boolean {
    const known = this.buffers[slab];
    const buffer = this.#show(slab);
    if (typeof buffer === 'number') return buffer === SLAB_BUSY;
    if (buffer !== known && sizeOf(buffer) > SLAB_BYTES)
      (this.#spans ??= new WeakSet()).add(buffer);
    return false;
  }

  /** Whether an ArrayBuffer is one of these, and has room for several blocks. */
  isShared(buffer: ArrayBuffer): boolean {
    const bytes = sizeOf(buffer);
    const isSlab = bytes <= SLAB_BYTES && bytes > 0;
    const mayShare = isSlab || this.#spans?.has(buffer) === true;
    return mayShare && this.buffers.includes(buffer);
  }

  /** Forgets a slab's ArrayBuffer, which the native side has detached. */
  forget(slab: number): void {
    this.buffers[slab] = undefined;
  }

  /** Zeroes a slab but for the parts listed. */
  scrubAround(slab: number, kept: Ranges): void {
    const buffer = this.buffers[slab];
    if (buffer === undefined) return;
    let at = 0;
    for (const [begin, end] of kept.toSorted(([a], [b]) => a - b)) {
      if (begin > at) clearBytes(buffer, at, begin);
      at = Math.max(at, end);
    }
    if (at < sizeOf(buffer)) clearBytes(buffer, at);
  }

  /** Forgets all ArrayBuffers; the native side has detached them. */
  clear(): void {
    this.buffers.length = 0;
  }

  /** Takes surplus empty slabs out of their classes, as the core's retire policy says. */
  retireSurplus(): void {
    this.#retire(KEEP_BY_POLICY);
  }

  /** Takes most empty slabs out of their classes: what other classes serve now will not come back. */
  retireMost(): void {
    this.#retire(KEEP_FEW);
  }

  /** Takes all empty slabs out of their classes. */
  retireAll(): void {
    this.#retire(0);
  }

  #retire(keep: number): void {
    let slab: number;
    noteSuperSlabs();
    while ((slab = native.nextRetirable(this.#arena, keep)) >= 0) {
      this.forget(slab);
      if (native.retire(this.#arena, slab) < 0) return;
    }
  }

  /** The ArrayBuffer of a slab, or why there is none. */
  #show(slab: number): ArrayBuffer | number {
    const known = this.buffers[slab];
    if (known !== undefined && sizeOf(known) !== 0) return known;
    if (known !== undefined) this.#noticeDetached(slab);
    const buffer = native.expose(this.#arena, slab);
    if (typeof buffer === 'number') return buffer;
    markExposed(buffer);
    while (this.buffers.length <= slab) this.buffers.push(undefined);
    this.buffers[slab] = buffer;
    noteSuperSlabs();
    return buffer;
  }

  #noticeDetached(slab: number): void {
    this.forget(slab);
    this.#counters[DETACHED_SLABS]! += 1;
    reportDetached(this.#name, slab);
  }
}
