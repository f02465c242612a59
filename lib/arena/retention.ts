/**
 * Ownership: views that somebody retains, and slabs that outlive a reset because of it.
 *
 * Owns:       the retentions of one arena, which of its slabs are pinned, and the count of pinned bytes.
 * Called by:  the arena.
 * Invariants: a retained view keeps its bytes and its length until its last release, whatever is freed,
 *             reset or destroyed meanwhile. A slab that was reset while a view of it was retained serves
 *             nobody until the last of those views is released; then it is detached.
 *
 * What is interrupted, by a full stack or a termination, is done by the next call: each step may be repeated.
 */
import { Custody, custodyOf } from '../front/custody';
import { HakmemError, invalidState } from '../errors';
import type { Front } from '../front/front';
import type { Remains } from '../front/slow-path';
import { type NativeArena, native } from '../native/native';
import { ensureWholeStack } from '../base/stack';
import { NO_OWNER, type Home, type View, homeOf, rehome } from '../view/view';
import { clearView, rangeOf } from '../view/kinds';

const PINNED_BYTES = native.tables.counters.pinnedBytes;

/** A view that others than its owner hold, too. */
class Retention extends Custody {
  holders = 1;
  /** The slab that must stay attached, or -1: the view has none. */
  readonly slab: number;
  /** The view's home until now, and again after the last release. */
  readonly before: Home;
  /** Where in its slab the view is, if that matters. */
  readonly range: readonly [number, number] | undefined;
  /** Its slab stays attached because of it. */
  isPinned = false;
  readonly #ownership: Ownership;

  constructor(ownership: Ownership, front: Front, view: View) {
    super(front, front.blockBytes(view), front.ownerOf(view));
    const custody = custodyOf(view);
    this.#ownership = ownership;
    this.before = homeOf(view)!;
    this.slab = custody === undefined ? front.slabOf(view) : custody.slab;
    this.range = ownership.scrubs && this.slab >= 0 ? rangeOf(view) : undefined;
  }

  /** The owner's free waits for the last release. */
  override free(): void {
    this.owner = NO_OWNER;
  }

  override set tag(tag: string) {
    if (this.before instanceof Custody) this.before.tag = tag;
  }

  override refusal(): Error {
    return new HakmemError('ERR_HAKMEM_DOUBLE_FREE', 'somebody still retains it');
  }

  override collected(): void {
    this.#ownership.end(this);
  }
}

export class Ownership {
  /** Whether bytes are zeroed before they serve somebody else. */
  readonly scrubs: boolean;
  readonly #core: NativeArena;
  readonly #counters: Float64Array;
  readonly #retentions = new Set<Retention>();
  /** Views still retained on each pinned slab. */
  #pinned = new Map<number, number>();

  constructor(core: NativeArena, scrubs: boolean) {
    this.#core = core;
    this.#counters = new Float64Array(core.counters);
    this.scrubs = scrubs;
  }

  /** Adds a holder to a live view of the arena. */
  retain(front: Front, view: View): void {
    const retention = retentionOf(front, view);
    if (retention !== undefined) {
      retention.holders++;
      return;
    }
    if (!front.owns(view)) throw front.refusal(view);
    const made = new Retention(this, front, view);
    const { before } = made;
    rehome(view, made);
    if (before instanceof Custody) before.holder = made;
    this.#retentions.add(made);
    this.#counters[PINNED_BYTES]! += made.bytes;
  }

  /** Retains what only its owner may give up; see {@link Ownership.giveUp}. */
  hold(front: Front, view: View): void {
    if (!front.owns(view)) throw front.refusal(view);
    this.retain(front, view);
  }

  /** Frees a view that is held: its last release recycles it. Nothing happens if it was freed before. */
  giveUp(view: View): void {
    custodyOf(view)!.owner = NO_OWNER;
  }

  /** Takes a holder away. true: it was the last, and the owner had let go before: the block is free. */
  release(front: Front, view: View): boolean {
    front.finish();
    const retention = retentionOf(front, view);
    if (retention === undefined) {
      if (!front.owns(view)) throw front.refusal(view);
      throw invalidState('The view is not retained');
    }
    if (retention.holders > 1) {
      retention.holders--;
      return false;
    }
    if (retention.isOf(front)) return this.#releaseLast(front, view, retention);
    // The engine may call a function to detach its slab.
    ensureWholeStack();
    if (this.scrubs) clearView(view);
    const { before } = retention;
    if (before instanceof Custody) before.end();
    this.end(retention);
    rehome(view, before);
    return true;
  }

  #releaseLast(front: Front, view: View, retention: Retention): boolean {
    const { before, isFreed } = retention;
    rehome(view, before);
    try {
      if (isFreed) front.takeBack(view);
      else front.setOwner(view, retention.owner);
    } catch (error) {
      rehome(view, retention);
      throw error;
    }
    this.end(retention);
    return isFreed;
  }

  /**
   * Ends a retention, and lets go of its slab if it was the last to pin that. No function of JavaScript is called
   * in between, so that nothing can interrupt it.
   */
  end(retention: Retention): void {
    const { before, slab } = retention;
    if (!this.#retentions.delete(retention)) return;
    this.#counters[PINNED_BYTES]! -= retention.bytes;
    if (before instanceof Custody) before.holder = undefined;
    if (!retention.isPinned) return;
    const left = (this.#pinned.get(slab) ?? 1) - 1;
    this.#pinned.set(slab, left);
    if (left > 0) return;
    this.#pinned.delete(slab);
    native.unpin(this.#core.id, slab);
  }

  /** What stays of `front` when it ends: the slabs that retained views of it lie in. */
  remains(front: Front): Remains {
    const pinned = new Map<number, number>();
    const kept = new Map<number, (readonly [number, number])[]>();
    for (const retention of this.#retentions) {
      const { range, slab } = retention;
      if (slab < 0) continue;
      pinned.set(slab, (pinned.get(slab) ?? 0) + 1);
      retention.isPinned = true;
      if (!retention.isOf(front)) continue;
      const ranges = kept.get(slab) ?? [];
      if (range !== undefined) ranges.push(range);
      kept.set(slab, ranges);
    }
    this.#pinned = pinned;
    return { slabs: kept.size === 0 ? undefined : Uint32Array.from(kept.keys()), kept };
  }
}

function retentionOf(front: Front, view: View): Retention | undefined {
  const custody = custodyOf(view);
  return custody instanceof Retention && custody.core === front.core ? custody : undefined;
}
