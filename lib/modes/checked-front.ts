/**
 * Checked front: the front of an arena with a mode that finds mistakes: fresh views, guard, leak detection,
 * zeroing on free. An arena without such a mode has a plain front and none of this code.
 *
 * An allocation that is checked gets a stand-in: a view of its own, in custody. The block's real view stays
 * here, live for the front and for statistics, until the stand-in is freed. A stand-in shows the block or, if it
 * is guarded, memory of its own; it is never used twice.
 */
import { watchClones } from './clones';
import { Custody, custodyOf, doubleFree } from '../view/custody';
import { HakmemError, invalidState } from '../errors';
import { Front } from '../front/front';
import type { Kit } from '../front/kit';
import type { Remains } from '../front/slabs';
import { Quarantine, type GuardedBlock, discard, reportDoubleFree } from './guard';
import { type Collectable, LeakDetector, Watched } from './leaks';
import type { NativeArena } from '../native/native';
import type { ResolvedOptions } from '../options';
import { takeTrace, tell } from '../events/reports';
import { Samples, TokenBucket } from './sampling';
import { Room, ensureStack } from '../base/stack';
import type { LiveBlock } from '../types';
import { ARENA, NO_OWNER, type View, idOf, stamp } from '../view/view';
import {
  type ViewMaker,
  bufferMaker,
  bufferOf,
  bytesOf,
  clearView,
  rangeOf,
  setBytes,
} from '../view/kinds';

/** Rate of `leaks: 'sampled'` where there is no guard whose samples it could share. */
const LEAK_SAMPLE_RATE = 1000;

/** Above this size, memory of its own costs too much to make and to check. */
const GUARD_SIZE_MAX = 64 * 1024;

/** Alignment of the engine's own memory. */
const OWN_ALIGNMENT = 8;

interface StandInOptions {
  readonly isFresh: boolean;
  readonly guarded: GuardedBlock | undefined;
  readonly watched: Watched | undefined;
}

class StandIn extends Custody implements Collectable {
  readonly guarded: GuardedBlock | undefined;
  readonly watched: Watched | undefined;
  readonly #isFresh: boolean;
  readonly #front: CheckedFront;
  /** The block's real view. */
  readonly #real: View;

  constructor(front: CheckedFront, real: View, owner: number, options: StandInOptions) {
    super(front, front.blockBytes(real), owner);
    this.#front = front;
    this.#real = real;
    this.#isFresh = options.isFresh;
    this.guarded = options.guarded;
    this.watched = options.watched;
  }

  override get slab(): number {
    return this.guarded === undefined ? this.#front.slabOf(this.#real) : -1;
  }

  protected override recycle(): void {
    this.#front.freeStandIn(this, this.#real);
  }

  /** `view`: the stand-in's own. */
  lend(view: View): number {
    return this.#front.lendStandIn(this, this.#real, view);
  }

  override refusal(): Error {
    if (this.holders > 0) return doubleFree(true);
    const code = this.#isFresh ? 'ERR_HAKMEM_STALE_VIEW' : 'ERR_HAKMEM_DOUBLE_FREE';
    return new HakmemError(code, this.#isFresh ? 'it was freed before' : '');
  }

  override refuseFree(): Error {
    if (this.guarded !== undefined && this.holders === 0) reportDoubleFree(this.guarded);
    return this.refusal();
  }

  override set tag(tag: string) {
    if (this.watched !== undefined) this.watched.tag = tag;
  }

  override end(): void {
    super.end();
    if (this.guarded !== undefined) discard(this.guarded);
  }

  reclaim(): boolean {
    if (this.isFreed || !this.isOf(this.#front)) return false;
    this.free();
    return true;
  }
}

/** Allocations until the next look, where there is never one; it is asked again after so many. */
const NEVER = 0x3fffffff;

export class CheckedFront extends Front {
  readonly #name: string;
  readonly #isFresh: boolean;
  readonly #guards: boolean;
  readonly #leaks: ResolvedOptions['leaks'];
  /** true: every allocation is looked at; false: samples only. */
  readonly #looksAtAll: boolean;
  /** true: no allocation is looked at; the arena has this kind of front for another reason. */
  readonly #looksAtNone: boolean;
  readonly #samples: Samples;
  readonly #tokens: TokenBucket;
  /**
   * Allocations until the next one that is looked at. It is always a small integer: V8 compiles for what a field
   * began as.
   */
  #countdown = 0;
  /** Allocations that are looked at until the next sample. */
  #untilSample = 1;
  /** Alignment of the allocation under way. */
  #alignment = 1;
  readonly #quarantine = new Quarantine();
  readonly #detector: LeakDetector;
  #stopWatching = (): void => undefined;
  /** Guarded stand-ins that are live. */
  readonly #guarded = new Set<StandIn>();

  constructor(core: NativeArena, options: ResolvedOptions, kit: Kit) {
    super(core, options, kit);
    this.#name = core.name;
    this.#isFresh = options.views === 'fresh';
    this.#guards = options.guardRate > 0;
    this.#leaks = options.leaks;
    this.#samples = new Samples(this.#guards ? options.guardRate : LEAK_SAMPLE_RATE);
    this.#tokens = new TokenBucket(this.#samples.rate, options.leaks === 'sampled');
    this.#looksAtAll = this.#isFresh || options.leaks === 'all';
    this.#looksAtNone = !this.#looksAtAll && !this.#guards && options.leaks === 'off';
    this.#countdown = this.#nextLook();
    if (this.#guards) this.#stopWatching = watchClones(core.name, this.slabs);
    this.#detector = new LeakDetector(core, options.reclaim);
  }

  // --- Allocate ---------------------------------------------------------------------------------------

  override alloc(size: number, owner: number): Buffer {
    if (--this.#countdown > 0) return super.alloc(size, owner);
    this.#askRoom();
    return this.#look(super.alloc(size, owner), bufferMaker, owner);
  }

  override allocAligned(size: number, alignment: number, owner: number): Buffer {
    this.#askRoom();
    this.#alignment = alignment;
    try {
      const view = super.allocAligned(size, alignment, owner);
      if (custodyOf(view) !== undefined || --this.#countdown > 0) return view;
      return this.#look(view, bufferMaker, owner);
    } finally {
      this.#alignment = 1;
    }
  }

  /** What is allocated is looked at, and what is freed may have to be zeroed. */
  override moveUp(): undefined {
    return undefined;
  }

  override allocView<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
    if (--this.#countdown > 0) return super.allocView(maker, bytes, owner);
    this.#askRoom();
    return this.#look(super.allocView(maker, bytes, owner), maker, owner);
  }

  /** Asks for room on the stack, unless there are only fresh views: those take less room than the question. */
  #askRoom(): void {
    if (!this.#isFresh || this.#guards || this.#leaks !== 'off') ensureStack(Room.Call);
  }

  #look<V extends View>(real: V, maker: ViewMaker<V>, owner: number): V {
    try {
      return this.#check(real, maker, owner);
    } catch (error) {
      this.takeBack(real);
      throw error;
    }
  }

  /** The stand-in of a real view, if it is to have one. */
  #check<V extends View>(real: V, maker: ViewMaker<V>, owner: number): V {
    this.#countdown = this.#nextLook();
    const [begin, end] = rangeOf(real);
    const size = end - begin;
    if (size === 0) return real;
    const isSample = this.#isSample();
    const guarded = isSample && this.#canGuard(size) ? this.#guard(size) : undefined;
    const isWatched = this.#leaks === 'all' || (this.#leaks === 'sampled' && isSample);
    const watched = isWatched ? new Watched(size) : undefined;
    if (guarded === undefined && watched === undefined && !this.#isFresh) return real;
    // A scope may know the real view from an earlier use; only the stand-in is the scope's now.
    this.setOwner(real, ARENA);
    const isFresh = this.#isFresh;
    const standIn = new StandIn(this, real, owner, { isFresh, guarded, watched });
    const buffer = guarded?.buffer ?? (bufferOf(real) as ArrayBuffer);
    const offset = guarded === undefined ? begin : 0;
    const view = stamp(maker.make(buffer, offset, size / maker.elementBytes), standIn, 0);
    if (guarded !== undefined) this.#guarded.add(standIn);
    if (watched !== undefined) this.#detector.watch(view, standIn);
    return view;
  }

  #nextLook(): number {
    if (this.#looksAtNone) return NEVER;
    return this.#looksAtAll ? 1 : this.#samples.next();
  }

  #isSample(): boolean {
    if (!this.#looksAtAll) return true;
    if (--this.#untilSample > 0) return false;
    this.#untilSample = this.#samples.next();
    return true;
  }

  #canGuard(size: number): boolean {
    if (!this.#guards || size > GUARD_SIZE_MAX || this.#alignment > OWN_ALIGNMENT) return false;
    const over = this.#tokens.passOver();
    if (over === 0) return true;
    this.#quarantine.look();
    const later = (over - 1) * this.#samples.rate;
    if (this.#looksAtAll) this.#untilSample += later;
    else this.#countdown += later;
    return false;
  }

  #guard(size: number): GuardedBlock {
    const buffer = new ArrayBuffer(size);
    const allocatedAt = takeTrace();
    return { arena: this.#name, size, buffer, allocatedAt, freedAt: undefined, isLost: false };
  }

  // --- Free ---------------------------------------------------------------------------------------

  /** Also tells what was found: a program that never returns to its event loop hears of it here. */
  protected override freeAside(id: number, view: View): void {
    try {
      this.freeOther(id, view);
    } finally {
      try {
        tell();
      } catch {
        // The stack ends here, and the free is done: a microtask tells.
      }
    }
  }

  override takeBack(view: View): void {
    if (this.isPlainlyLive(view)) super.free(view);
    else this.freeOther(idOf(view, this.table.home), view);
  }

  /** Takes back what a stand-in stood for. The steps before the free are repeated if the free was interrupted. */
  freeStandIn(standIn: StandIn, real: View): void {
    const { guarded, watched } = standIn;
    if (watched !== undefined) this.#detector.forget(standIn);
    if (guarded !== undefined) {
      ensureStack(Room.Call);
      guarded.freedAt = takeTrace();
    }
    this.takeBack(real);
    standIn.owner = NO_OWNER;
    if (guarded !== undefined) {
      this.#guarded.delete(standIn);
      this.#quarantine.add(guarded);
    }
  }

  /** A guarded view has memory of its own: its bytes go into the block that is handed over. */
  override lend(view: View): number {
    const standIn = custodyOf(view);
    if (!(standIn instanceof StandIn && standIn.isOf(this) && !standIn.isFreed))
      return super.lend(view);
    if (standIn.holders > 0) throw invalidState('The view is retained');
    return standIn.lend(view);
  }

  /** Hands over what a stand-in stood for. */
  lendStandIn(standIn: StandIn, real: View, view: View): number {
    const { guarded, watched } = standIn;
    ensureStack(Room.Call);
    if (guarded !== undefined) setBytes(bytesOf(real), bytesOf(view));
    const ticket = super.lend(real);
    standIn.owner = NO_OWNER;
    if (watched !== undefined) this.#detector.forget(standIn);
    if (guarded !== undefined) {
      guarded.freedAt = takeTrace();
      this.#guarded.delete(standIn);
      this.#quarantine.add(guarded);
    }
    return ticket;
  }

  // --- All at once --------------------------------------------------------------------------------

  /** Looks at what is in quarantine, too. */
  override flushAll(): void {
    this.#quarantine.end();
    super.flushAll();
  }

  protected override clear(remains: Remains): void {
    if (this.hasEnded) this.#stopWatching();
    this.#quarantine.end();
    for (const standIn of this.#guarded) if (standIn.holders === 0) standIn.end();
    this.#guarded.clear();
    this.#detector.clear();
    super.clear(remains);
  }

  protected override leave(): void {
    // It keeps its arrays: what has ended still lets go of stand-ins, and counts leaks.
  }

  // --- Watch --------------------------------------------------------------------------------------

  override liveBlocks(): LiveBlock[] {
    return this.#detector.list();
  }
}

/** The same, which zeroes what is freed. It is a class of its own so that the others keep the faster way to free. */
class ScrubbedFront extends CheckedFront {
  override scrubs(): boolean {
    return true;
  }

  override free(view: View): void {
    if (this.isPlainlyLive(view)) clearView(view);
    super.free(view);
  }

  override takeBack(view: View): void {
    if (this.isPlainlyLive(view)) clearView(view);
    super.takeBack(view);
  }

  protected override recycle(id: number, view: View, bytes: number): void {
    clearView(view);
    super.recycle(id, view, bytes);
  }

  override freeOwned(view: View, owner: number): void {
    if (this.ownerOf(view) === owner) this.takeBack(view);
  }

  /** None without being zeroed. */
  protected override freeRun(_views: unknown, from: number): number {
    return from;
  }

  /** Zeroes slabs that stay attached; the core zeroes all others. */
  protected override clear(remains: Remains): void {
    for (const [slab, kept] of remains.kept) this.slabs.scrubAround(slab, kept);
    super.clear(remains);
  }

  /** Refuses to shrink: a smaller view would leave bytes behind that no free zeroes. */
  override canResize(view: View, size: number): boolean {
    const [begin, end] = rangeOf(view);
    return size >= end - begin && super.canResize(view, size);
  }
}

/** The front for an arena with these options. */
export function makeFront(core: NativeArena, options: ResolvedOptions, kit: Kit): Front {
  if (options.zero === 'free') return new ScrubbedFront(core, options, kit);
  const isPlain = options.views === 'recycle' && options.guardRate === 0 && options.leaks === 'off';
  return isPlain ? new Front(core, options, kit) : new CheckedFront(core, options, kit);
}
