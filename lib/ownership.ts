/**
 * Ownership: views that somebody retains, and slabs that outlive a reset because of it.
 *
 * Owns:       the retentions of one arena, which of its slabs are pinned, and the count of pinned bytes.
 * Called by:  the arena.
 * Invariants: a retained view keeps its bytes and its length until its last release, whatever is freed,
 *             reset or destroyed meanwhile. A slab that was reset while a view of it was retained serves
 *             nobody until the last of those views is released; then it is detached.
 */
import { Custody, custodyOf } from './custody';
import { HakmemError, invalidState } from './errors';
import type { Front } from './front';
import { type NativeArena, native } from './native';
import { HELD, type Home, type View, homeOf, rehome } from './view';
import { clearAll } from './view-makers';

const PINNED_BYTES = native.tables.counters.pinnedBytes;

/** A view that others than its owner hold, too. */
class Retention extends Custody {
  holders = 1;
  /** The slab that must stay attached, or -1: the view has none. */
  readonly slab: number;
  /** The view's home until now, and again after the last release. */
  readonly before: Home;

  constructor(front: Front, view: View) {
    super(front, front.blockBytes(view), front.markOf(view));
    const custody = custodyOf(view);
    this.before = homeOf(view)!;
    this.slab = custody === undefined ? front.slabOf(view) : custody.slab;
    if (custody !== undefined) custody.isRetained = true;
    rehome(view, this);
  }

  /** The owner's free waits for the last release. */
  override give(): void {
    this.mark = HELD;
  }

  override set tag(tag: string) {
    if (this.before instanceof Custody) this.before.tag = tag;
  }

  override refusal(): Error {
    return new HakmemError('ERR_HAKMEM_DOUBLE_FREE', 'somebody still retains it');
  }
}

export class Ownership {
  readonly #arena: number;
  readonly #counters: Float64Array;
  /** Whether bytes are zeroed before they serve somebody else. */
  readonly #scrubs: boolean;
  readonly #retentions = new Set<Retention>();
  /** Views still retained on each pinned slab. */
  readonly #pinned = new Map<number, number>();

  constructor(core: NativeArena, scrubs: boolean) {
    this.#arena = core.id;
    this.#counters = new Float64Array(core.counters);
    this.#scrubs = scrubs;
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
    custodyOf(view)!.mark = HELD;
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
    const { before } = retention;
    rehome(view, before);
    if (before instanceof Custody) before.isRetained = false;
    if (!retention.isOf(front)) {
      if (before instanceof Custody) before.end();
      this.#unpin(retention.slab, view);
      return true;
    }
    if (!retention.isFreed) {
      front.setMark(view, retention.mark);
      return false;
    }
    front.give(view);
    return true;
  }

  /** Pins the slabs that retained views of `front` lie in, because it ends; undefined: there are none. */
  pin(front: Front): Uint32Array | undefined {
    const slabs = new Set<number>();
    for (const retention of this.#retentions) {
      const { slab } = retention;
      if (!retention.isOf(front) || slab < 0) continue;
      slabs.add(slab);
      this.#pinned.set(slab, (this.#pinned.get(slab) ?? 0) + 1);
    }
    return slabs.size === 0 ? undefined : Uint32Array.from(slabs);
  }

  #unpin(slab: number, view: View): void {
    if (slab < 0) return;
    const left = this.#pinned.get(slab)! - 1;
    if (left > 0) {
      this.#pinned.set(slab, left);
    } else {
      this.#pinned.delete(slab);
      if (this.#scrubs) clearAll(view.buffer);
      native.unpin(this.#arena, slab);
    }
  }

  #count(bytes: number): void {
    this.#counters[PINNED_BYTES]! += bytes;
  }
}

function retentionOf(front: Front, view: View): Retention | undefined {
  const custody = custodyOf(view);
  return custody instanceof Retention && custody.core === front.core ? custody : undefined;
}
