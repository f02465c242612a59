/**
 * Retention: views that somebody retains, and slabs that outlive a reset because of it.
 *
 * Owns:       the retentions of one arena, which of its slabs are pinned, and the count of pinned bytes.
 * Called by:  the arena.
 * Invariants: a retained view keeps its bytes and its length until its last release, whatever is freed,
 *             reset or destroyed meanwhile. A slab that was reset while a view of it was retained serves
 *             nobody until the last of those views is released; then it is detached.
 *
 * Each step may be repeated: the next call completes what a full stack or a termination has interrupted.
 */
import { Custody, custodyOf } from '../front/custody';
import { HakmemError, invalidState } from '../errors';
import type { Front } from '../front/front';
import type { Remains } from '../front/slabs';
import { type NativeArena, frontStat, native } from '../native/native';
import { tell } from '../events/reports';
import { ensureWholeStack } from '../base/stack';
import { NO_OWNER, type Home, type View, homeOf, rehome } from '../view/view';
import { clearView, rangeOf } from '../view/kinds';

const PINNED_BYTES = frontStat('bytes_pinned');

/** A view that others hold beside its owner. */
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
  readonly #retentions: Retentions;

  constructor(retentions: Retentions, front: Front, view: View) {
    super(front, front.blockBytes(view), front.ownerOf(view));
    const custody = custodyOf(view);
    this.#retentions = retentions;
    this.before = homeOf(view)!;
    this.slab = custody === undefined ? front.slabOf(view) : custody.slab;
    this.range = retentions.scrubs && this.slab >= 0 ? rangeOf(view) : undefined;
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
    this.#retentions.end(this);
  }
}

export class Retentions {
  /** Whether bytes are zeroed before they serve somebody else. */
  readonly scrubs: boolean;
  readonly #core: NativeArena;
  readonly #front: Front;
  readonly #counters: Float64Array;
  readonly #retentions = new Set<Retention>();
  /** Views still retained on each pinned slab. */
  #pinned = new Map<number, number>();

  constructor(core: NativeArena, front: Front, scrubs: boolean) {
    this.#core = core;
    this.#front = front;
    this.#counters = new Float64Array(core.counters);
    this.scrubs = scrubs;
  }

  /** Adds a holder to a live view of the arena. */
  retain(view: View): void {
    const front = this.#front;
    const retention = retentionOf(front, view);
    if (retention !== undefined) {
      retention.holders++;
      return;
    }
    if (!front.owns(view)) throw front.refusal(view);
    this.#begin(new Retention(this, front, view), view);
  }

  /** What comes behind the first line calls no function of JavaScript, so that nothing can interrupt it. */
  #begin(retention: Retention, view: View): void {
    rehome(view, retention);
    const { before } = retention;
    if (before instanceof Custody) before.holder = retention;
    this.#retentions.add(retention);
    this.#counters[PINNED_BYTES]! += retention.bytes;
  }

  /** Retains a live view of its owner; {@link Retentions.giveUp} follows. */
  hold(view: View): void {
    const front = this.#front;
    if (!front.owns(view)) throw front.refusal(view);
    this.retain(view);
  }

  /** Frees a view that is held: its last release recycles it. Nothing happens if it was freed before. */
  giveUp(view: View): void {
    custodyOf(view)!.owner = NO_OWNER;
  }

  /** Takes a holder away. true: it was the last, and the owner had let go before: the block is free. */
  release(view: View): boolean {
    const front = this.#front;
    front.finish();
    const retention = retentionOf(front, view);
    if (retention === undefined) {
      if (!front.owns(view)) throw front.refusal(view);
      throw invalidState('The view is not retained');
    }
    const isGone = this.#releaseOne(view, retention);
    tell();
    return isGone;
  }

  #releaseOne(view: View, retention: Retention): boolean {
    if (retention.holders > 1) {
      retention.holders--;
      return false;
    }
    if (retention.isOf(this.#front)) return this.#releaseLast(view, retention);
    // The engine may call a function to detach its slab.
    ensureWholeStack();
    if (this.scrubs) clearView(view);
    const { before } = retention;
    if (before instanceof Custody) before.end();
    this.end(retention);
    rehome(view, before);
    return true;
  }

  /**
   * The last step is the one that makes the view another's. Whatever interrupts this before leaves the view
   * retained, and the next release begins again.
   */
  #releaseLast(view: View, retention: Retention): boolean {
    const front = this.#front;
    const { before, isFreed } = retention;
    this.end(retention);
    try {
      rehome(view, before);
      if (isFreed) front.takeBack(view);
      else front.setOwner(view, retention.owner);
    } catch (error) {
      this.#begin(retention, view);
      throw error;
    }
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

  /** What stays of the front when it is reset or destroyed: the slabs that retained views of it lie in. */
  remains(): Remains {
    const front = this.#front;
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
