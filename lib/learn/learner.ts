/**
 * Learner: what an arena's policy should be, out of what its periods cost. Deterministic: who calls it has the clock, and
 * gives it random numbers.
 *
 *   budgets of classes   by hit rate, after every period (budgets.ts)
 *   large rounding       by a bandit over 1, 1.0625, 1.125 and 1.25 for so many periods, then the best of them
 *   what is kept         by a canary, one change at a time; after each verdict nothing is tried for a while
 *
 * Periods without traffic say nothing and change nothing.
 */
import { Bandit } from './bandit';
import { Budgets, type ClassPeriod } from './budgets';
import { Canary } from './canary';
import { type Period, costOfPeriod } from './cost';

/** What happened in one period, class by class. */
export interface Observation extends Period {
  readonly classes: readonly ClassPeriod[];
  /** Allocations beyond 64 KB. */
  readonly largeAllocs: number;
}

/** A value that the policy is to have from now on; of a class, or of the arena. */
export interface Learned {
  readonly name: string;
  readonly size: number | undefined;
  readonly value: number;
}

export interface LearnerOptions {
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly valueOf: (name: string) => number;
}

const ROUNDINGS = [1, 1.0625, 1.125, 1.25];
const ROUNDING_PERIODS = 48;
/** With fewer allocations a period says nothing. */
export const ALLOCS_MIN = 1000;
const LARGE_ALLOCS_MIN = 64;
const TOO_MANY_BYTES = 1.05;

/** Periods after a verdict; after each one that rolls back twice as many. */
const REST_MIN = 8;
const REST_MAX = 512;

/** What is tried, in turn: these values, so many times as large. */
const TRIALS: readonly (readonly [names: readonly string[], factor: number])[] = [
  [['emptySlabsLow', 'emptySlabsHigh'], 1 / 2],
  [['largeVariety'], 1 / 2],
  [['emptySlabsLow', 'emptySlabsHigh'], 2],
  [['largeVariety'], 2],
];
const MOST: Readonly<Record<string, number>> = {
  emptySlabsLow: 64,
  emptySlabsHigh: 128,
  largeVariety: 48,
};

type Values = ReadonlyMap<string, number>;

export class Learner {
  readonly #random: () => number;
  readonly #valueOf: (name: string) => number;
  readonly #budgets: Budgets;
  readonly #rounding = new Bandit(ROUNDINGS.length);
  #roundingLeft = ROUNDING_PERIODS;
  /** Held in the last period without rounding. */
  #plainBytes = Infinity;
  #canary: Canary | undefined;
  #trial = -1;
  #rest = REST_MIN;
  #restLeft = REST_MIN;
  #old: Values = new Map();
  #new: Values = new Map();

  constructor({ random, valueOf }: LearnerOptions) {
    this.#random = random;
    this.#valueOf = valueOf;
    this.#budgets = new Budgets(valueOf('frontBytes'), valueOf('frontBytesMax'));
  }

  /** What changes after a period. */
  step(seen: Observation): Learned[] {
    if (seen.allocs < ALLOCS_MIN) return [];
    const budgets = this.#budgets.observe(seen.classes, seen.heldBytes);
    const changed = [...budgets].map(([size, value]) => ({ name: 'frontBytes', size, value }));
    const isRounding = this.#roundingLeft > 0 && seen.largeAllocs >= LARGE_ALLOCS_MIN;
    if (this.#canary === undefined && isRounding) return [...changed, ...this.#round(seen)];
    return [...changed, ...this.#try(seen)];
  }

  #round(seen: Observation): Learned[] {
    const bandit = this.#rounding;
    const before = bandit.choice;
    if (before === 0) this.#plainBytes = seen.heldBytes;
    const isTooMuch = seen.heldBytes > this.#plainBytes * TOO_MANY_BYTES;
    bandit.observe(costOfPeriod(seen));
    if (isTooMuch) bandit.drop(before);
    const at = --this.#roundingLeft > 0 ? bandit.choice : bandit.best;
    if (at === before) return [];
    return [{ name: 'largeRounding', size: undefined, value: ROUNDINGS[at]! }];
  }

  #try(seen: Observation): Learned[] {
    const canary = this.#canary;
    if (canary === undefined) return --this.#restLeft > 0 ? [] : this.#begin();
    const before = canary.isNew;
    const verdict = canary.observe(seen);
    if (verdict === 'tried') return this.#switched(before, canary.isNew);
    const isAdopted = verdict === 'adopted';
    this.#rest = isAdopted ? REST_MIN : Math.min(this.#rest * 2, REST_MAX);
    this.#restLeft = this.#rest;
    this.#canary = undefined;
    return this.#switched(before, isAdopted);
  }

  #begin(): Learned[] {
    this.#trial = (this.#trial + 1) % TRIALS.length;
    const [names, factor] = TRIALS[this.#trial]!;
    this.#old = new Map(names.map((name) => [name, this.#valueOf(name)]));
    this.#new = new Map(
      [...this.#old].map(([name, value]) => [
        name,
        Math.min(MOST[name]!, Math.max(1, Math.round(value * factor))),
      ]),
    );
    this.#restLeft = this.#rest;
    // What somebody has set beyond these bounds is not the learner's to change.
    const isBeyond = names.some((name) => this.#old.get(name)! > MOST[name]!);
    const isSame = names.every((name) => this.#old.get(name) === this.#new.get(name));
    if (isBeyond || isSame) return [];
    this.#canary = new Canary(this.#random);
    return this.#switched(false, this.#canary.isNew);
  }

  #switched(before: boolean, after: boolean): Learned[] {
    if (before === after) return [];
    const values = after ? this.#new : this.#old;
    return [...values].map(([name, value]) => ({ name, size: undefined, value }));
  }
}
