/**
 * Strides: which size classes a living arena should have beside its own, by the lengths that are live in it. Pure and
 * deterministic: who calls it has the clock.
 *
 * Strides are added together when for three periods in a row they would have saved 0.5 % of the bytes that are live; each of
 * them a thirty-second of that, and more than half of a span, because so much of it lies free. One retires when for ten periods
 * it saved less than a quarter of what one that is added must, and at once for another one that would save four times as much
 * when there is no room for both. Between both nothing changes.
 */
import { CLASS_SIZE_MAX, spanBytesOf } from '../native/geometry';
import type { Length } from './report';
import { blockCost, blocksByStride, widened } from './waste';

/** Most strides that are added and not retired. */
export const STRIDES_MAX = 16;

const PERIODS_TO_ADD = 3;
const PERIODS_TO_RETIRE = 10;
const GAIN = 0.005;
const GAIN_EACH = GAIN / 32;
const SPAN_SHARE = 1 / 2;
/** Old blocks of their lengths hold slabs for a while, as much as they take: not too many at a time. */
const MOST_AT_ONCE = 4;
/** A stride that was of use for fewer periods was a wrong guess. Then nothing is added for a while, next time twice as long. */
const PERIODS_TO_PAY = 60;
const REST_MIN = 8;
const REST_MAX = 512;
/** What is kept may be so many times worse than what is added. */
const HYSTERESIS = 4;

/** Live blocks by the shortest stride that holds them. */
type Demand = ReadonlyMap<number, number>;

/** Who has the classes. */
export interface Strides {
  /** Bytes of the blocks of all classes, ascending. */
  readonly sizeClasses: readonly number[];
  /** `atMs`: when that is. false: there is no room for it now. */
  addClass(stride: number, atMs: number): boolean;
  retireClass(stride: number): void;
  /** Gives up what is kept for lengths that have another class now. */
  settleClasses(): void;
}

interface Candidate {
  readonly stride: number;
  readonly saving: number;
}

/**
 * Of lengths that are counted one by one. Of others nobody knows which stride would hold them, and a class for a part of
 * lengths that are spread widely saves less than what lies free in its slabs.
 */
function exactDemandOf(lengths: readonly Length[]): Demand {
  const exact = lengths.filter(({ from, to }) => from === to);
  return blocksByStride(exact.map(({ to, live }) => ({ length: to, count: live })));
}

/** What was live in each of some periods. */
function leastOf(periods: readonly Demand[]): Demand {
  const [first, ...others] = periods;
  const least = new Map<number, number>();
  for (const [stride, count] of first!) {
    least.set(stride, Math.min(count, ...others.map((one) => one.get(stride) ?? 0)));
  }
  return least;
}

/** Bytes that so many blocks save with a stride instead of the next longer one. */
function savingOf(blocks: number, stride: number, next: number): number {
  return blocks * (blockCost(next) - blockCost(stride));
}

/** What a stride must save to be added. */
function leastSaving(stride: number, liveBytes: number): number {
  return Math.max(liveBytes * GAIN_EACH, spanBytesOf(stride) * SPAN_SHARE);
}

/** The stride that saves most beside those of a table, if it is worth it. */
function bestOf(
  demand: readonly (readonly [number, number])[],
  table: readonly number[],
  liveBytes: number,
): Candidate | undefined {
  let best: Candidate | undefined;
  let at = 0;
  let blocks = 0;
  for (const [stride, count] of demand) {
    while (table[at]! < stride) {
      at++;
      blocks = 0;
    }
    blocks += count;
    if (table[at] === stride) continue;
    const saving = savingOf(blocks, stride, table[at]!);
    const isWorthIt = saving >= leastSaving(stride, liveBytes);
    // Longer lengths that cost no more are served for nothing.
    if (isWorthIt && saving > (best?.saving ?? 0)) best = { stride: widened(stride), saving };
  }
  return best;
}

/** The best strides for a demand, one after the other, as far as each is worth it. */
function candidates(
  demand: Demand,
  sizeClasses: readonly number[],
  liveBytes: number,
): Candidate[] {
  const sorted = [...demand].sort(([a], [b]) => a - b);
  let table = sizeClasses;
  const chosen: Candidate[] = [];
  while (chosen.length < STRIDES_MAX) {
    const best = bestOf(sorted, table, liveBytes);
    if (best === undefined) break;
    chosen.push(best);
    table = [...table, best.stride].sort((a, b) => a - b);
  }
  return chosen;
}

/** A stride that was added. */
interface Added {
  /** Periods since then. */
  age: number;
  /** How many of the last ones it saved too little. */
  idle: number;
}

export class StrideLearner {
  /** Of the last periods. */
  #demands: Demand[] = [];
  readonly #added = new Map<number, Added>();
  /** The rest of those that are worth it together comes in the next periods. */
  #isAdding = false;
  /** Periods in which nothing is added, after a wrong guess, and how many are left. */
  #rest = 0;
  #restLeft = 0;

  /** Adds and retires at the end of a period, when so much is live. The target is always the same. */
  step(target: Strides, lengths: readonly Length[], atMs: number): void {
    const served = lengths.filter(({ to }) => to <= CLASS_SIZE_MAX);
    const liveBytes = served.reduce((sum, { liveBytes = 0 }) => sum + liveBytes, 0);
    const savings = this.#savings(served, target.sizeClasses);
    for (const [stride, saving] of savings) this.#judge(target, stride, saving, liveBytes);
    target.settleClasses();
    this.#demands = [exactDemandOf(served), ...this.#demands].slice(0, PERIODS_TO_ADD);
    if (this.#restLeft > 0) this.#restLeft--;
    else if (this.#demands.length === PERIODS_TO_ADD) this.#add(target, savings, liveBytes, atMs);
  }

  #judge(target: Strides, stride: number, saving: number, liveBytes: number): void {
    const added = this.#added.get(stride)!;
    const isIdle = saving < leastSaving(stride, liveBytes) / HYSTERESIS;
    added.age++;
    added.idle = isIdle ? added.idle + 1 : 0;
    if (added.idle < PERIODS_TO_RETIRE) return;
    this.#learnFrom(added.age - added.idle);
    this.#retire(target, stride);
  }

  /** One that was of use for a short time only was a wrong guess. */
  #learnFrom(useful: number): void {
    if (useful >= PERIODS_TO_PAY) this.#rest = 0;
    else if (this.#restLeft === 0)
      this.#rest = Math.min(Math.max(REST_MIN, this.#rest * 2), REST_MAX);
    this.#restLeft = this.#rest;
  }

  #add(target: Strides, savings: Map<number, number>, liveBytes: number, atMs: number): void {
    const best = candidates(leastOf(this.#demands), target.sizeClasses, liveBytes);
    const total = best.reduce((sum, { saving }) => sum + saving, 0);
    if (!this.#isAdding && total < liveBytes * GAIN) return;
    this.#isAdding = best.length > MOST_AT_ONCE;
    for (const { stride, saving } of best.slice(0, MOST_AT_ONCE)) {
      if (this.#added.size === STRIDES_MAX && !this.#makeRoom(target, savings, saving)) return;
      if (!target.addClass(stride, atMs)) return;
      this.#added.set(stride, { age: 0, idle: 0 });
    }
  }

  /** Retires the stride that saves least, if one that saves so much is much better. */
  #makeRoom(target: Strides, savings: Map<number, number>, saving: number): boolean {
    const left = [...this.#added.keys()].map((one) => [one, savings.get(one) ?? Infinity] as const);
    const worst = left.reduce((a, b) => (b[1] < a[1] ? b : a));
    if (worst[1] * HYSTERESIS > saving) return false;
    this.#retire(target, worst[0]);
    return true;
  }

  #retire(target: Strides, stride: number): void {
    target.retireClass(stride);
    this.#added.delete(stride);
  }

  /** What each stride that was added saves now. */
  #savings(lengths: readonly Length[], sizeClasses: readonly number[]): Map<number, number> {
    const blocks = new Map<number, number>();
    let at = 0;
    for (const { to, live } of lengths) {
      while (sizeClasses[at]! < to) at++;
      blocks.set(sizeClasses[at]!, (blocks.get(sizeClasses[at]!) ?? 0) + live);
    }
    return new Map(
      [...this.#added.keys()].map((stride) => {
        const next = sizeClasses[sizeClasses.indexOf(stride) + 1]!;
        return [stride, savingOf(blocks.get(stride) ?? 0, stride, next)];
      }),
    );
  }
}
