/**
 * Watched: what an arena says of itself.
 */
import { ArenaBase, parts } from './create';
import { HakmemError, invalidArgType, invalidState } from '../errors';
import { type LearnOptions, type LearnReport, learnFrom } from '../learn/report';
import { ownOptions } from '../base/own-options';
import { type Learnable, startLearning } from './learning';
import type { Learned } from '../learn/learner';
import type { ValueName } from '../policy/values';
import { publishClass, publishPolicy, warnOfProfile } from '../events/policy';
import { tell } from '../events/reports';
import { type Policy, policyOf } from '../policy/report';
import { settled } from '../policy/settings';
import { type PolicyState, differences } from '../policy/state';
import type { Front } from '../front/front';
import { arenaStats } from '../stats/stats';
import { type TraceEvent, readTrace } from '../stats/trace';
import type { ArenaStats } from '../stats/types';
import { type VerifyReport, verifyBooks } from '../stats/verify';
import { resolveLearn } from '../options';
import type { ArenaOptions, LiveBlock, PolicySettings } from '../types';
import type { View } from '../view/view';

/** Throws unless the arena of a front still exists. */
export function assertAlive(front: Front): void {
  front.finish();
  if (front.hasEnded) throw new HakmemError('ERR_HAKMEM_ARENA_DESTROYED');
}

type LearnedSizes = ReadonlyMap<number, number | undefined>;

const NOTHING_LEARNED: LearnedSizes = new Map();

function learnedOf(sizes: readonly number[]): LearnedSizes {
  return sizes.length === 0 ? NOTHING_LEARNED : new Map(sizes.map((size) => [size, undefined]));
}

/** The part of an arena that is asked, not allocated from. */
export class WatchedArena extends ArenaBase {
  readonly #core = parts.core;
  readonly #front = parts.front;
  readonly #traced = parts.options.trace;
  readonly #isObserving = parts.options.learn !== 'frozen';
  #policy = parts.options.policy;
  /** Size classes beside its own, and when each was added; undefined: it was there from the beginning. */
  #learned = learnedOf(parts.options.learnedSizes);
  /** What the learner sees of this arena, which keeps it; undefined: there is no learner. */
  readonly #learnable = parts.options.learn === 'learn' ? this.#makeLearnable() : undefined;

  constructor(options?: ArenaOptions) {
    super(options);
    if (this.#learnable !== undefined) startLearning(this.#learnable);
  }

  // --- Policy ---------------------------------------------------------------------------------------

  /**
   * What the arena goes by where more than one way is right: each value with its unit, its range and its source, and
   * all of them of each size class.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const { value, unit, source } = arena.policy().values.purgeDelayMs;
   * console.log(value, unit, source); // 2000 ms default
   */
  policy(): Policy {
    assertAlive(this.#front);
    const learned = [...this.#learned].sort(([a], [b]) => a - b);
    return policyOf(
      this.#policy,
      this.#front.sizeClasses,
      learned.map(([size, atMs]) => ({
        size,
        source: atMs === undefined ? 'option' : 'learned',
        atMs,
      })),
    );
  }

  /**
   * Changes values of the policy, from now on: what is kept beyond a lower limit goes to the core at once. Changes are
   * told on the channel `hakmem-arena:policy`. If one value is refused, none has changed.
   *
   * @param settings - what changes; what is left out stays as it is.
   * @throws {ERR_INVALID_ARG_TYPE} `settings`, or a value, has the wrong type.
   * @throws {ERR_INVALID_ARG_VALUE} a value or profile that is unknown, a size that is no class of the arena, or values
   *   that do not go together.
   * @throws {ERR_OUT_OF_RANGE} a value is out of its range.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * arena.setPolicy({ purgeDelayMs: 500, classes: { 4096: { frontBytes: 512 * 1024 } } });
   * arena.setPolicy({ profile: 'lean' });
   */
  setPolicy(settings: PolicySettings): void {
    assertAlive(this.#front);
    const strides = this.#front.sizeClasses;
    const how = { where: 'settings', strides, source: 'set' } as const;
    const next = settled(this.#policy, settings, how);
    warnOfProfile(ownOptions(settings).profile);
    this.#adoptPolicy(next);
    tell();
  }

  #makeLearnable(): Learnable {
    const front = this.#front;
    return {
      get sizeClasses() {
        return front.sizeClasses;
      },
      addClass: (stride, atMs) => this.#addClass(stride, atMs),
      settleClasses: () => front.settleClasses(),
      retireClass: (stride) => this.#retireClass(stride),
      id: this.#core.id,
      serial: this.#core.serial,
      hasEnded: () => this.#front.hasEnded,
      valueOf: (name) => this.#policy.valueOf(name as ValueName),
      learn: (values) => this.#learn(values),
    };
  }

  /** Takes over what was learned, but for what somebody has set. */
  #learn(values: readonly Learned[]): void {
    const isFree = ({ name, size }: Learned): boolean => {
      const { source } = this.#policy.entryOf(name as ValueName, size);
      return source !== 'set' && source !== 'option';
    };
    const changes = values
      .filter(isFree)
      .map((one) => ({ ...one, name: one.name as ValueName, source: 'learned' as const }));
    this.#adoptPolicy(this.#policy.after(changes));
  }

  #addClass(stride: number, atMs: number): boolean {
    if (!this.#front.addClass(stride)) return false;
    this.#learned = new Map(this.#learned).set(stride, atMs);
    publishClass({ id: this.#core.serial, name: this.#core.name }, stride, true);
    return true;
  }

  #retireClass(stride: number): void {
    this.#front.retireClass(stride);
    this.#learned = new Map([...this.#learned].filter(([size]) => size !== stride));
    publishClass({ id: this.#core.serial, name: this.#core.name }, stride, false);
  }

  #adoptPolicy(next: PolicyState): void {
    const changed = differences(this.#policy, next);
    this.#front.setPolicy(next);
    this.#policy = next;
    publishPolicy({ id: this.#core.serial, name: this.#core.name }, changed);
  }

  // --- Watch ----------------------------------------------------------------------------------------

  /**
   * The live allocations that the arena watches, oldest first: all, a sample, or none, as its option
   * `leaks` says.
   *
   * @example
   * const oldest = arena.liveBlocks()[0];
   * if (oldest !== undefined) console.log(oldest.ageMs, oldest.size, oldest.stack);
   */
  liveBlocks(): LiveBlock[] {
    return this.#front.liveBlocks();
  }

  /**
   * Names an allocation in reports and in {@link Arena.liveBlocks}. Without `leaks` it does nothing.
   *
   * @param view - a live view of this arena.
   * @param tag - what it is for.
   * @returns the same view.
   * @throws {ERR_INVALID_ARG_TYPE} `tag` is not a string.
   * @throws as {@link Arena.free} otherwise.
   * @example
   * const body = arena.tag(arena.allocUnsafe(4096), 'request body');
   */
  tag<V extends View>(view: V, tag: string): V {
    if (typeof tag !== 'string') throw invalidArgType('tag', 'of type string', tag);
    if (!this.#front.owns(view)) throw this.#front.refusal(view);
    this.#front.tag(view, tag);
    return view;
  }

  /**
   * A snapshot of the arena's statistics.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const { classes, bytes } = arena.stats();
   * console.log(bytes.used, classes.filter(({ live }) => live > 0).map(({ name }) => name));
   */
  stats(): ArenaStats {
    assertAlive(this.#front);
    const stats = arenaStats(this.#core.id);
    tell();
    return stats;
  }

  /**
   * The last events behind the front, oldest first: as many as the option `trace` says. An
   * `ERR_HAKMEM_OUT_OF_MEMORY` of such an arena has the last of them as text in `error.trace`, which a diagnostic
   * report (`process.report`) shows among the properties of the error.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const traced = new Arena({ trace: 1000 });
   * traced.allocUnsafe(1500);
   * for (const { kind, stage, amount } of traced.trace()) console.log(kind, stage, amount);
   */
  trace(): TraceEvent[] {
    assertAlive(this.#front);
    return readTrace(this.#core.id, this.#traced, this.#front.strides);
  }

  /**
   * What the size classes of this arena waste on the lengths it sees, rounding and ends of slabs included, and the
   * ones that would waste least: the exact optimum for the histogram of lengths. Ask when the arena holds what it
   * usually holds, or with `by: 'allocs'` about all allocations so far. With `compare` it counts for any other table what
   * that would have saved; an arena that has adopted one, given the old one, says so what it did. Lengths beyond 1 KB that do not repeat are known by block size only.
   *
   * @throws {ERR_INVALID_STATE} the option `learn` is 'frozen'.
   * @throws {ERR_INVALID_ARG_TYPE} `options`, or one of them, has the wrong type.
   * @throws {ERR_INVALID_ARG_VALUE} `by` is neither 'live' nor 'allocs'; `compare` is no table of size classes.
   * @throws {ERR_OUT_OF_RANGE} `classes` is not a whole number from 2 to 96, or a size of `compare` is none of a class.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const observed = new Arena({ learn: 'observe' });
   * for (let i = 0; i < 1000; i++) observed.allocUnsafe(530);
   * const { sizeClasses, savedBytes } = observed.learned({ classes: 16 });
   * console.log(sizeClasses, savedBytes > 0); // [ 544 ] true
   * const adopted = new Arena({ learn: 'observe', sizeClasses });
   * for (let i = 0; i < 1000; i++) adopted.allocUnsafe(530);
   * const { compared } = adopted.learned({ compare: 'built-in' });
   * console.log(compared!.savedBytes === -savedBytes); // true
   */
  learned(options?: LearnOptions): LearnReport {
    assertAlive(this.#front);
    if (!this.#isObserving) throw invalidState("the arena was made without learn: 'observe'");
    const { lengths } = arenaStats(this.#core.id);
    return learnFrom(lengths, this.#front.sizeClasses, resolveLearn(options));
  }

  /**
   * Counts blocks, slabs and bytes again, from bitmaps and slots, and compares the sums with the statistics and with
   * what the front believes to have. It takes time by all that the arena holds: for tests, and for a service that
   * suspects its memory was corrupted.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const { ok, differences } = arena.verify();
   * if (!ok) console.error(differences);
   */
  verify(): VerifyReport {
    assertAlive(this.#front);
    return verifyBooks(this.#core.id, this.#front, this.#front.strides);
  }
}
