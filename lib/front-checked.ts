/**
 * Checked front: the front of an arena with a mode that finds mistakes: fresh views, guard, leak detection,
 * zeroing on free. An arena without any has a plain front and knows nothing of this file.
 *
 * An allocation that is checked gets a stand-in: a view of its own in custody, while the block's real view
 * stays here, live for the front and for statistics, until the stand-in is freed. The stand-in shows the
 * block, or, guarded, memory of its own; it is never used twice.
 */
import { Custody, custodyOf } from './custody';
import { HakmemError } from './errors';
import { Front } from './front';
import { Quarantine, type GuardedBlock, discard, reportDoubleFree } from './guard';
import { type Collectable, LeakDetector, Watched } from './leaks';
import type { NativeArena } from './native';
import type { ResolvedOptions } from './options';
import { takeTrace } from './reports';
import type { LiveBlock } from './types';
import { HELD, LIVE, type View, stamp } from './view';
import { type ViewMaker, bufferMaker, clearView } from './view-makers';

/** Rate of `leaks: 'sampled'` without a guard to share its samples. */
const LEAK_SAMPLE_RATE = 1000;

/** Beyond this, memory of its own costs too much to make and to check. */
const GUARD_SIZE_MAX = 64 * 1024;

/**
 * A guarded allocation costs 10 us and more, most of it for its two stacks. Where one in so many or fewer
 * is asked for, samples that follow another within so many milliseconds are passed over, so that a hot loop
 * does not feel them; but not more than so many in a row.
 */
const SPARSE_RATE = 100;
const SPARSE_INTERVAL_MS = 5;
const SPARSE_PASSED_MAX = 39;

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

  constructor(front: CheckedFront, real: View, mark: number, options: StandInOptions) {
    super(front, front.blockBytes(real), mark);
    this.#front = front;
    this.#real = real;
    this.#isFresh = options.isFresh;
    this.guarded = options.guarded;
    this.watched = options.watched;
  }

  override get slab(): number {
    return this.guarded === undefined ? this.#front.slabOf(this.#real) : -1;
  }

  override give(): void {
    this.mark = HELD;
    this.#front.giveStandIn(this, this.#real);
  }

  override refusal(): Error {
    const code = this.#isFresh ? 'ERR_HAKMEM_STALE_VIEW' : 'ERR_HAKMEM_DOUBLE_FREE';
    return new HakmemError(code, this.#isFresh ? 'it was freed before' : '');
  }

  override refuseFree(): Error {
    if (this.guarded !== undefined) reportDoubleFree(this.guarded);
    return this.refusal();
  }

  override set tag(tag: string) {
    if (this.watched !== undefined) this.watched.tag = tag;
  }

  override end(): void {
    super.end();
    if (this.guarded !== undefined) discard(this.guarded);
  }

  collected(): boolean {
    if (this.isFreed || !this.isOf(this.#front)) return false;
    this.give();
    return true;
  }
}

export class CheckedFront extends Front {
  readonly #name: string;
  readonly #isFresh: boolean;
  readonly #guards: boolean;
  readonly #leaks: ResolvedOptions['leaks'];
  readonly #scrubs: boolean;
  /** Allocations from one that is looked at to the next; and from one sample to the next. */
  readonly #interval: number;
  readonly #sampleRate: number;
  #countdown: number;
  #samples = 1;
  #skew = 0;
  #random = 0x9e3779b9;
  /** Milliseconds of performance.now(). */
  #nextGuardAt = 0;
  #passed = 0;
  /** Of the allocation under way. */
  #alignment = 1;
  readonly #quarantine = new Quarantine();
  readonly #detector: LeakDetector;
  /** Guarded ones that are live. */
  readonly #guarded = new Set<StandIn>();

  constructor(core: NativeArena, options: ResolvedOptions) {
    super(core, options);
    this.#name = core.name;
    this.#isFresh = options.views === 'fresh';
    this.#guards = options.guardRate > 0;
    this.#leaks = options.leaks;
    this.#scrubs = options.zero === 'free';
    this.#sampleRate = options.guardRate > 0 ? options.guardRate : LEAK_SAMPLE_RATE;
    this.#interval = this.#isFresh || options.leaks === 'all' ? 1 : this.#sampleRate;
    const checksNone = !this.#isFresh && !this.#guards && options.leaks === 'off';
    this.#countdown = checksNone ? Infinity : this.#nextInterval(this.#interval);
    this.#detector = new LeakDetector(core, options.reclaim);
  }

  // --- Take ---------------------------------------------------------------------------------------

  override take(size: number, mark: number): Buffer {
    const view = super.take(size, mark);
    return --this.#countdown > 0 ? view : this.#check(view, bufferMaker, mark);
  }

  override takeAligned(size: number, alignment: number, mark: number): Buffer {
    this.#alignment = alignment;
    try {
      const view = super.takeAligned(size, alignment, mark);
      if (custodyOf(view) !== undefined || --this.#countdown > 0) return view;
      return this.#check(view, bufferMaker, mark);
    } finally {
      this.#alignment = 1;
    }
  }

  override takeView<V extends View>(maker: ViewMaker<V>, bytes: number, mark: number): V {
    const view = super.takeView(maker, bytes, mark);
    return --this.#countdown > 0 ? view : this.#check(view, maker, mark);
  }

  /** The stand-in of a real view, if it is to have one. */
  #check<V extends View>(real: V, maker: ViewMaker<V>, mark: number): V {
    this.#countdown = this.#nextInterval(this.#interval);
    const size = real.byteLength;
    if (size === 0) return real;
    const isSample = this.#isSample();
    const guarded = isSample && this.#canGuard(size) ? this.#guard(size) : undefined;
    const isWatched = this.#leaks === 'all' || (this.#leaks === 'sampled' && isSample);
    const watched = isWatched ? new Watched(size) : undefined;
    if (guarded === undefined && watched === undefined && !this.#isFresh) return real;
    // A scope may know the real view from an earlier use; only the stand-in is the scope's now.
    this.setMark(real, LIVE);
    const isFresh = this.#isFresh;
    const standIn = new StandIn(this, real, mark, { isFresh, guarded, watched });
    const buffer = guarded?.buffer ?? (real.buffer as ArrayBuffer);
    const offset = guarded === undefined ? real.byteOffset : 0;
    const view = stamp(maker.make(buffer, offset, size / maker.elementBytes), standIn, 0);
    if (guarded !== undefined) this.#guarded.add(standIn);
    if (watched !== undefined) this.#detector.watch(view, standIn);
    return view;
  }

  #isSample(): boolean {
    if (this.#interval > 1) return true;
    if (--this.#samples > 0) return false;
    this.#samples = this.#nextInterval(this.#sampleRate);
    return true;
  }

  /**
   * Allocations until the next sample: one somewhere in every `rate`, so that a program whose pattern has
   * a period of its own does not keep its faulty place out of sight. The same in every run (xorshift32).
   */
  #nextInterval(rate: number): number {
    if (rate === 1) return 1;
    const before = this.#skew;
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    this.#skew = (this.#random >>> 0) % rate;
    return rate + before - this.#skew;
  }

  #canGuard(size: number): boolean {
    if (!this.#guards || size > GUARD_SIZE_MAX || this.#alignment > OWN_ALIGNMENT) return false;
    if (this.#sampleRate < SPARSE_RATE) return true;
    const now = performance.now();
    if (now < this.#nextGuardAt && ++this.#passed <= SPARSE_PASSED_MAX) return false;
    this.#passed = 0;
    this.#nextGuardAt = now + SPARSE_INTERVAL_MS;
    return true;
  }

  #guard(size: number): GuardedBlock {
    const buffer = new ArrayBuffer(size);
    return { arena: this.#name, size, buffer, allocatedAt: takeTrace(), freedAt: undefined };
  }

  // --- Give ---------------------------------------------------------------------------------------

  override give(view: View): void {
    if (this.#scrubs && custodyOf(view) === undefined && this.owns(view)) clearView(view);
    super.give(view);
  }

  override giveMarked(view: View, mark: number): void {
    if (this.markOf(view) === mark) this.give(view);
  }

  /** Takes back what a stand-in stood for. */
  giveStandIn(standIn: StandIn, real: View): void {
    const { guarded, watched } = standIn;
    if (watched !== undefined) this.#detector.forget(standIn);
    if (guarded !== undefined) {
      this.#guarded.delete(standIn);
      guarded.freedAt = takeTrace();
      this.#quarantine.add(guarded);
    }
    this.give(real);
  }

  /** A smaller view would leave bytes behind that no free sees. */
  override canResize(view: View, size: number): boolean {
    if (this.#scrubs && size < view.byteLength) return false;
    return super.canResize(view, size);
  }

  // --- All at once --------------------------------------------------------------------------------

  /** Also looks at what is in quarantine. */
  override release(): void {
    this.#quarantine.end();
    super.release();
  }

  override clear(): void {
    this.#quarantine.end();
    for (const standIn of this.#guarded) if (!standIn.isRetained) standIn.end();
    this.#guarded.clear();
    this.#detector.clear();
    super.clear();
  }

  // --- Watch --------------------------------------------------------------------------------------

  override liveBlocks(): LiveBlock[] {
    return this.#detector.list();
  }
}

/** The front for an arena with these options. */
export function makeFront(core: NativeArena, options: ResolvedOptions): Front {
  const isPlain =
    options.views === 'recycle' &&
    options.guardRate === 0 &&
    options.leaks === 'off' &&
    options.zero === 'alloc';
  return isPlain ? new Front(core, options) : new CheckedFront(core, options);
}
