/**
 * Ownership: views that somebody retains, and slabs that outlive a reset because of it.
 *
 * Owns:       the retentions of one arena, which of its slabs are pinned, and the count of pinned bytes.
 * Called by:  the arena.
 * Invariants: a retained view keeps its bytes and its length until its last release, whatever is freed,
 *             reset or destroyed meanwhile. A slab that was reset while a view of it was retained serves
 *             nobody until the last of those views is released; then it is detached.
 */
import { Custody, custodyOf, isFreed, type Keeper } from './custody';
import { invalidState } from './errors';
import type { Front } from './front';
import { BinKind } from './front-bin';
import { native } from './native';
import { REF_INDEX_BITS } from './slabs';
import { HELD, LIVE, type View, refOf, setMark } from './view';

const PINNED_BYTES = native.tables.counters.pinnedBytes;

/** A view that others than its owner hold, too. */
class Retention extends Custody {
  holders = 1;
  readonly bytes: number;
  /** The slab that must stay attached, or -1: the view has none. */
  readonly slab: number;

  constructor(front: Front, view: View) {
    super(front, view);
    const ownsSlab = custodyOf(view) === undefined && this.before.kind !== BinKind.Empty;
    this.bytes = front.blockBytes(view);
    this.slab = ownsSlab ? refOf(view) >>> REF_INDEX_BITS : -1;
    this.enter(view);
  }

  /** The owner's free waits for the last release. */
  override give(view: View): void {
    setMark(view, HELD);
  }

  /** Its slab stays, pinned, until the last release. */
  override end(): void {
    // Nothing to do before.
  }

  restore(view: View): void {
    this.leave(view);
  }
}

export class Ownership {
  readonly #arena: number;
  readonly #counters: Float64Array;
  readonly #retentions = new Set<Retention>();
  /** Views still retained on each pinned slab. */
  readonly #pinned = new Map<number, number>();

  constructor(arena: number, counters: ArrayBuffer) {
    this.#arena = arena;
    this.#counters = new Float64Array(counters);
  }

  /** Adds a holder to a live view of the arena. */
  retain(front: Front, view: View): void {
    const retention = retentionOf(front, view);
    if (retention !== undefined) {
      retention.holders++;
      return;
    }
    if (!front.owns(view)) throw front.refusal(view);
    const made = new Retention(front, view);
    this.#retentions.add(made);
    this.#count(made.bytes);
  }

  /** Retains what only its owner may give up; see {@link Ownership.giveUp}. */
  hold(front: Front, view: View): void {
    if (!front.owns(view)) throw front.refusal(view);
    this.retain(front, view);
  }

  /** Frees a view that is held: its last release recycles it. Nothing happens if it was freed before. */
  giveUp(view: View): void {
    setMark(view, HELD);
  }

  /** Takes a holder away. true: it was the last, and the owner had let go before: the block is free. */
  release(front: Front, view: View): boolean {
    const retention = retentionOf(front, view);
    if (retention === undefined) {
      if (!front.owns(view)) throw front.refusal(view);
      throw invalidState('The view is not retained');
    }
    if (--retention.holders > 0) return false;
    this.#retentions.delete(retention);
    this.#count(-retention.bytes);
    retention.restore(view);
    if (retention.keeper !== front) {
      custodyOf(view)?.end(view);
      this.#unpin(retention.slab);
      return true;
    }
    if (!isFreed(view)) return false;
    setMark(view, LIVE);
    front.give(view);
    return true;
  }

  /** Pins the slabs that retained views of `front` lie in, because it ends; undefined: there are none. */
  pin(front: Keeper): Uint32Array | undefined {
    const slabs = new Set<number>();
    for (const { keeper, slab } of this.#retentions) {
      if (keeper !== front || slab < 0) continue;
      slabs.add(slab);
      this.#pinned.set(slab, (this.#pinned.get(slab) ?? 0) + 1);
    }
    return slabs.size === 0 ? undefined : Uint32Array.from(slabs);
  }

  #unpin(slab: number): void {
    if (slab < 0) return;
    const left = this.#pinned.get(slab)! - 1;
    if (left > 0) {
      this.#pinned.set(slab, left);
    } else {
      this.#pinned.delete(slab);
      native.unpin(this.#arena, slab);
    }
  }

  #count(bytes: number): void {
    this.#counters[PINNED_BYTES]! += bytes;
  }
}

function retentionOf(front: Front, view: View): Retention | undefined {
  const custody = custodyOf(view);
  return custody instanceof Retention && custody.keeper.core === front.core ? custody : undefined;
}
