/**
 * Learning: the periods of an arena that has `learn: 'learn'`, and what the learner makes of them.
 *
 * Owns:      one timer for each such arena, which keeps neither the arena nor the process alive.
 * Called by: an arena, when it is made.
 * Calls:     statistics, which are counted in any case; the learner.
 */
import { nowMs, startTimer } from '../base/clock';
import { nextRandom } from '../base/random';
import { ALLOCS_MIN, type Learned, Learner, type Observation } from '../learn/learner';
import { type Strides, StrideLearner } from '../learn/strides';
import type { LengthStats } from '../stats/flow-types';
import { arenaStats, heapStats } from '../stats/stats';

const PERIOD_MS = 1000;

/** Whose policy is learned. */
export interface Learnable extends Strides {
  /** Names the arena in native calls. */
  readonly id: number;
  /** Number of the arena in the process. */
  readonly serial: number;
  hasEnded(): boolean;
  valueOf(name: string): number;
  learn(values: readonly Learned[]): void;
}

interface Counts {
  readonly atMs: number;
  readonly systemCalls: number;
  /** Allocations and slow ones, by block size; 0: of large blocks. */
  readonly bySize: ReadonlyMap<number, readonly [allocs: number, slow: number]>;
  readonly heldBytes: number;
  /** What was requested and is live, read when somebody looks. */
  readonly lengths: () => readonly LengthStats[];
}

function countsOf(id: number, atMs: number): Counts {
  const stats = arenaStats(id);
  const { classes, bytes } = stats;
  const { map, unmap, purge } = heapStats().totals.os;
  const bySize = new Map<number, readonly [number, number]>();
  for (const { blockSize, allocs, slow } of classes.flatMap(({ bins }) => bins)) {
    const before = bySize.get(blockSize) ?? [0, 0];
    bySize.set(blockSize, [before[0] + allocs, before[1] + slow]);
  }
  const systemCalls = map + unmap + purge;
  return { atMs, systemCalls, bySize, heldBytes: bytes.committed, lengths: () => stats.lengths };
}

function between(before: Counts, now: Counts): Observation {
  const all = [...now.bySize].map(([size, [allocs, slow]]) => {
    const [oldAllocs, oldSlow] = before.bySize.get(size) ?? [0, 0];
    return { size, allocs: allocs - oldAllocs, slow: slow - oldSlow };
  });
  const sum = (of: (one: (typeof all)[number]) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  return {
    ms: now.atMs - before.atMs,
    allocs: sum(({ allocs }) => allocs),
    slow: sum(({ slow }) => slow),
    systemCalls: now.systemCalls - before.systemCalls,
    heldBytes: now.heldBytes,
    classes: all.filter(({ size }) => size > 0),
    largeAllocs: sum(({ size, allocs }) => (size > 0 ? 0 : allocs)),
  };
}

/** From a seed: the same arena of a process learns the same from the same. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state = nextRandom(state);
    return (state >>> 0) / 2 ** 32;
  };
}

export class Learning {
  readonly #learner: Learner;
  readonly #strides = new StrideLearner();
  readonly #target: WeakRef<Learnable>;
  readonly #id: number;
  #last: Counts;

  constructor(target: Learnable, atMs: number) {
    const ref = new WeakRef(target);
    this.#target = ref;
    this.#id = target.id;
    this.#learner = new Learner({
      random: randomFrom(target.serial),
      valueOf: (name) => ref.deref()?.valueOf(name) ?? 0,
    });
    this.#last = countsOf(target.id, atMs);
  }

  /** Ends a period. false: there is nobody to learn for. */
  step(atMs: number): boolean {
    const target = this.#target.deref();
    if (target === undefined || target.hasEnded()) return false;
    const now = countsOf(this.#id, atMs);
    const seen = between(this.#last, now);
    const learned = this.#learner.step(seen);
    this.#last = now;
    if (learned.length > 0) target.learn(learned);
    if (seen.allocs >= ALLOCS_MIN) this.#strides.step(target, now.lengths(), atMs);
    return true;
  }
}

/** Learns for an arena as long as it lives. */
export function startLearning(target: Learnable): void {
  const learning = new Learning(target, nowMs());
  const turn = (): void => {
    if (learning.step(nowMs())) startTimer(turn, PERIOD_MS);
  };
  startTimer(turn, PERIOD_MS);
}
