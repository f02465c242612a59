/**
 * Retention: views that somebody retains, and slabs that outlive a reset because of it.
 *
 * A view that is at home in the front is retained by numbers in its record there. What is kept here is what has no
 * record: custodies, which count their holders themselves, and remnants, which a reset or destroy makes of the
 * records of retained views. Buffers that the thread has adopted (lib/letters) are not the arena's, and held all the
 * same: they count their holders, too.
 *
 * Owns:       the remnants of one arena, and which of its slabs are pinned.
 * Called by:  the arena; and the garbage collector, through custodies.
 * Calls:      the front.
 * Invariants: a retained view keeps its bytes and its length until its last release, whatever is freed,
 *             reset or destroyed meanwhile. A slab that was reset while a view of it was retained serves
 *             nobody until the last of those views is released; then it is detached.
 *
 * Each step may be repeated: the next call completes what a full stack or a termination has interrupted.
 */
import { Custody, type Held, type HoldKeeper, custodyOf, doubleFree } from '../view/custody';
import { invalidState } from '../errors';
import type { Front } from '../front/front';
import { isAdopted, loanOf } from '../letters/adopted';
import { NO_REMAINS, type Remains } from '../front/slabs';
import type { Epoch } from '../front/view-table';
import { type NativeArena, frontStat, native } from '../native/native';
import { tell } from '../events/reports';
import { ensureWholeStack } from '../base/stack';
import { ARENA, NO_OWNER, type View, homeOf, idOf } from '../view/view';
import { clearView, rangeOf } from '../view/kinds';

const PINNED_BYTES = frontStat('bytes_pinned');

/** Where something that is retained lies. */
interface Place {
  /** The slab that must stay attached, or -1: there is none. */
  readonly slab: number;
  /** Where in it the view begins and ends. */
  readonly range: readonly [begin: number, end: number];
}

const NOWHERE: Place = { slab: -1, range: [0, 0] };

/** A view that was retained when its front was reset. */
interface Remnant extends Held {
  readonly id: number;
}

/** Why a view cannot be used that is neither live here nor adopted. */
function refusalOf(front: Front, view: View): Error {
  const loan = loanOf(view);
  return loan === undefined ? front.refusal(view) : doubleFree(loan.isHeld);
}

/** What holds are kept for. */
interface HoldingParts {
  readonly core: NativeArena;
  readonly front: Front;
  /** Those of the arena. */
  readonly counters: Float64Array;
}

/** Nobody writes to it: most arenas never have anything else. */
const NOTHING_HELD = new Map<Held, Place>();

export class Retentions implements HoldKeeper {
  /** Whether bytes are zeroed before they serve somebody else. */
  readonly #scrubs: boolean;
  readonly #core: NativeArena;
  readonly #front: Front;
  readonly #counters: Float64Array;
  /** Custodies that are retained, and remnants. */
  #held = NOTHING_HELD;
  /** Of these, what was made for a reset. It counts when that reset has begun. */
  #remnants: readonly Remnant[] = [];
  /** Views still retained on each pinned slab; undefined: no reset has pinned one. */
  #pinned: Map<number, number> | undefined;

  constructor({ core, front, counters }: HoldingParts, scrubs: boolean) {
    this.#core = core;
    this.#front = front;
    this.#counters = counters;
    this.#scrubs = scrubs;
  }

  /** Adds a holder to a live view of the arena, or to one that is retained. */
  retain(view: View): void {
    if (!this.#front.hold(view)) this.#retainOther(view);
  }

  /** Retains a live view of its owner; {@link Retentions.giveUp} follows. */
  hold(view: View): void {
    const front = this.#front;
    if (front.holdLive(view)) return;
    if (front.ownerOf(view) === NO_OWNER && !isAdopted(view)) throw refusalOf(front, view);
    this.retain(view);
  }

  /** Retains a live view, and frees it on behalf of its owner. */
  holdFreed(view: View): void {
    if (this.#front.holdFreed(view)) return;
    this.hold(view);
    this.giveUp(view);
  }

  /** Frees a view that is held: its last release recycles it. Nothing happens if it was freed before. */
  giveUp(view: View): void {
    if (this.#front.disown(view)) return;
    const loan = loanOf(view);
    if (loan?.isLive === true) loan.giveUp();
    // After a reset it has no owner any more.
    const custody = custodyOf(view);
    if (custody !== undefined) custody.owner = NO_OWNER;
  }

  /** Takes a holder away. true: it was the last, and the owner had let go before: the block is free. */
  release(view: View): boolean {
    const isGone = this.#front.unhold(view) ?? this.#releaseOther(view);
    try {
      tell();
    } catch {
      // The stack ends here, and the release is done: a microtask tells.
    }
    return isGone;
  }

  /** The same as a function of its own. */
  readonly releaseLater = (view: View): void => {
    this.release(view);
  };

  // --- Custodies and remnants -----------------------------------------------------------------------

  #retainOther(view: View): void {
    const front = this.#front;
    front.finish();
    const loan = loanOf(view);
    if (loan !== undefined) {
      loan.hold();
      return;
    }
    const held = this.#heldOf(view);
    if (held !== undefined) {
      held.holders++;
      return;
    }
    if (!front.owns(view)) throw front.refusal(view);
    const custody = custodyOf(view)!;
    const { slab } = custody;
    this.#begin(custody, slab < 0 ? NOWHERE : { slab, range: rangeOf(view) });
  }

  /** Calls no function of JavaScript, so that nothing can interrupt it. */
  #begin(custody: Custody, place: Place): void {
    custody.holders = 1;
    custody.keeper = this;
    this.#setHeld(custody, place);
    this.#counters[PINNED_BYTES]! += custody.bytes;
  }

  #setHeld(held: Held, place: Place): void {
    if (this.#held === NOTHING_HELD) this.#held = new Map();
    this.#held.set(held, place);
  }

  /** What is retained of a view that is not at home in the front, if it is of this arena. */
  #heldOf(view: View): Custody | Remnant | undefined {
    const home = homeOf(view);
    if (home?.core !== this.#core) return undefined;
    if (home instanceof Custody) return home.holders > 0 ? home : undefined;
    if (home === this.#front.epoch) return undefined;
    const remnant = (home as Epoch).remnants?.get(idOf(view, home)) as Remnant | undefined;
    return remnant !== undefined && remnant.holders > 0 ? remnant : undefined;
  }

  #releaseOther(view: View): boolean {
    const front = this.#front;
    front.finish();
    const loan = loanOf(view);
    if (loan !== undefined) return loan.unhold();
    const held = this.#heldOf(view);
    if (held === undefined) {
      if (!front.owns(view)) throw front.refusal(view);
      throw invalidState('The view is not retained');
    }
    if (held.holders > 1) {
      held.holders--;
      return false;
    }
    if (held instanceof Custody && held.isOf(front)) return this.#releaseCustody(held);
    // The engine may call a function to detach its slab.
    ensureWholeStack();
    if (this.#scrubs) clearView(view);
    if (held instanceof Custody) held.end();
    this.forgetHeld(held);
    return true;
  }

  /** The free comes last. Whatever interrupts it leaves the view retained, and the next release begins again. */
  #releaseCustody(custody: Custody): boolean {
    const { isFreed } = custody;
    const place = this.#held.get(custody)!;
    this.forgetHeld(custody);
    if (!isFreed) return false;
    try {
      custody.owner = ARENA;
      custody.free();
    } catch (error) {
      custody.owner = NO_OWNER;
      this.#begin(custody, place);
      throw error;
    }
    return true;
  }

  /**
   * Nobody retains it any more; lets go of its slab if it was the last to pin that. No function of JavaScript is
   * called in between, so that nothing can interrupt it.
   */
  forgetHeld(held: Held): void {
    const place = this.#held.get(held);
    if (place === undefined) return;
    this.#held.delete(held);
    held.holders = 0;
    this.#counters[PINNED_BYTES]! -= held.bytes;
    const { slab } = place;
    if (slab < 0 || held.epoch === this.#front.epoch) return;
    const left = (this.#pinned?.get(slab) ?? 1) - 1;
    if (left > 0) {
      this.#pinned!.set(slab, left);
      return;
    }
    this.#pinned?.delete(slab);
    native.unpin(this.#core.id, slab);
  }

  // --- Reset ------------------------------------------------------------------------------------------

  /** What stays of the front when it is reset or destroyed: the slabs that retained views of it lie in. */
  remains(): Remains {
    const { epoch, retainsNothing } = this.#front;
    if (retainsNothing && this.#held.size === 0) return NO_REMAINS;
    this.#makeRemnants(epoch);
    const pinned = new Map<number, number>();
    const kept = new Map<number, Place['range'][]>();
    for (const [held, { slab, range }] of this.#held) {
      if (slab < 0) continue;
      pinned.set(slab, (pinned.get(slab) ?? 0) + 1);
      if (held.epoch !== epoch) continue;
      const ranges = kept.get(slab) ?? [];
      ranges.push(range);
      kept.set(slab, ranges);
    }
    this.#pinned = pinned;
    return { slabs: kept.size === 0 ? undefined : Uint32Array.from(kept.keys()), kept };
  }

  /** Makes a remnant of every record that is held. They are looked at only when the epoch is over. */
  #makeRemnants(epoch: Epoch): void {
    // A reset that did not begin has left some.
    for (const remnant of this.#remnants) if (remnant.epoch === epoch) this.#held.delete(remnant);
    const blocks = this.#front.heldBlocks();
    const remnants = blocks.map(({ id, holders, bytes }) => ({ id, holders, bytes, epoch }));
    epoch.remnants = new Map(remnants.map((remnant) => [remnant.id, remnant]));
    remnants.forEach((remnant, at) => this.#setHeld(remnant, blocks[at]!));
    this.#remnants = remnants;
  }
}
