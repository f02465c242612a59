/**
 * Sampling: which allocations are samples, and which of those are guarded.
 */

/** One sample somewhere in every `rate` allocations. */
export class Samples {
  readonly rate: number;
  #skew = 0;
  #random = 0x9e3779b9;

  constructor(rate: number) {
    this.rate = rate;
  }

  /**
   * Allocations until the next sample. It is somewhere in its interval, so that a program whose pattern has a
   * period of its own does not keep its faulty place out of sight. The same in every run (xorshift32).
   */
  next(): number {
    const { rate } = this;
    if (rate === 1) return 1;
    const before = this.#skew;
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    this.#skew = (this.#random >>> 0) % rate;
    return rate + before - this.#skew;
  }
}

/**
 * A guarded allocation costs 10 us, most of it for its two stacks, and 40 us where it is rare and finds none of
 * its code in the caches. Where one in so many or fewer is asked for, there is one in so many milliseconds on
 * the average, so that a hot loop does not feel them; after a quiet time so many come at once. The other samples
 * are passed over, but not more than so many in a row.
 */
const SPARSE_RATE = 100;
const SPARSE_INTERVAL_MS = 5;
const BURST = 8;
const PASSED_MAX = 79;

export class TokenBucket {
  readonly #isSparse: boolean;
  readonly #asksEach: boolean;
  /** Samples that may be guarded now; it grows with time. */
  #allowed = BURST;
  /** Milliseconds of performance.now(). */
  #askedAt = 0;
  #passed = 0;

  /** `asksEach`: samples serve others too, so that none can be left out. */
  constructor(rate: number, asksEach: boolean) {
    this.#isSparse = rate >= SPARSE_RATE;
    this.#asksEach = asksEach;
  }

  /**
   * For a sample: how many, this one first, are passed over; 0: it is guarded. Code that is seldom run is
   * slow when it is (2 us for this question and what leads to it), so each answer is longer than the last.
   */
  passOver(): number {
    if (!this.#isSparse) return 0;
    const now = performance.now();
    this.#allowed = Math.min(BURST, this.#allowed + (now - this.#askedAt) / SPARSE_INTERVAL_MS);
    this.#askedAt = now;
    if (this.#allowed >= 1 || this.#passed >= PASSED_MAX) {
      this.#allowed = Math.max(0, this.#allowed - 1);
      this.#passed = 0;
      return 0;
    }
    const left = PASSED_MAX - this.#passed;
    const count = this.#asksEach ? 1 : Math.min(this.#passed + 1, left);
    this.#passed += count;
    return count;
  }
}
