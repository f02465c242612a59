/**
 * Canary: a change is tried on half of the time, in pairs of periods with and without it, whose order is drawn. It is
 * adopted if it costs at least 1 % less over all pairs, and rolled back otherwise; at once if a period with it costs half
 * as much again, or holds 5 % more than the other one of its pair.
 */
import { type Period, costOfPeriod } from './cost';

const PAIRS = 8;
const GAIN = 0.01;
const TOO_MUCH = 1.5;
const TOO_MANY_BYTES = 1.05;

export type Verdict = 'tried' | 'adopted' | 'rolled back';

export class Canary {
  readonly #random: () => number;
  #pairs = 0;
  #isNewFirst: boolean;
  #first: Period | undefined;
  #costs = { old: 0, new: 0 };

  /** `random`: from 0 to less than 1. */
  constructor(random: () => number) {
    this.#random = random;
    this.#isNewFirst = random() < 0.5;
  }

  /** Whether the period under way has the change. */
  get isNew(): boolean {
    return (this.#first === undefined) === this.#isNewFirst;
  }

  /** Costs with and without the change so far, in nanoseconds per allocation, added up. */
  get costs(): { readonly old: number; readonly new: number } {
    return this.#costs;
  }

  /** Counts a period that is over. */
  observe(period: Period): Verdict {
    this.#costs[this.isNew ? 'new' : 'old'] += costOfPeriod(period);
    const first = this.#first;
    if (first === undefined) {
      this.#first = period;
      return 'tried';
    }
    const [fresh, old] = this.#isNewFirst ? [first, period] : [period, first];
    if (costOfPeriod(fresh) > costOfPeriod(old) * TOO_MUCH) return 'rolled back';
    if (fresh.heldBytes > old.heldBytes * TOO_MANY_BYTES) return 'rolled back';
    this.#first = undefined;
    this.#isNewFirst = this.#random() < 0.5;
    if (++this.#pairs < PAIRS) return 'tried';
    return this.#costs.new <= this.#costs.old * (1 - GAIN) ? 'adopted' : 'rolled back';
  }
}
