/**
 * Sampling: which allocations are samples, and which of those are guarded.
 */
import { nextRandom } from '../base/random';

/** One sample somewhere in every `rate` allocations. */
export class Samples {
  readonly rate: number;
  #skew = 0;
  #random = 0x9e3779b9;

  constructor(rate: number) {
    this.rate = rate;
  }

  /**
   * Allocations until the next sample. Its place in the interval is random, so that a program whose pattern has a
   * period of its own does not keep its faulty place out of sight; and the same in every run (xorshift32).
   */
  next(): number {
    const { rate } = this;
    if (rate === 1) return 1;
    const before = this.#skew;
    this.#random = nextRandom(this.#random);
    this.#skew = (this.#random >>> 0) % rate;
    return rate + before - this.#skew;
  }
}

/**
 * A guarded allocation costs 10 us, most of it for its two stacks, and 40 us where it is rare and finds none of
 * its code in the caches. A hot loop must not feel that: where one allocation in SPARSE_RATE or fewer is a sample,
 * a token bucket lets one be guarded every 5 ms on the average, and 8 at once after a quiet time. The other samples
 * are passed over, but not more than 79 in a row.
 */
const SPARSE_RATE = 100;
const TOKEN_INTERVAL_MS = 5;
const TOKENS_MAX = 8;
const PASSED_MAX = 79;

/** Says which samples are guarded. */
export class TokenBucket {
  readonly #isSparse: boolean;
  readonly #asksEach: boolean;
  /** Samples that may be guarded now. */
  #tokens = TOKENS_MAX;
  /** By performance.now(), in milliseconds. */
  #askedAt = 0;
  #passed = 0;

  /** `asksEach`: every sample is asked for, because others use it too. */
  constructor(rate: number, asksEach: boolean) {
    this.#isSparse = rate >= SPARSE_RATE;
    this.#asksEach = asksEach;
  }

  /**
   * How many samples, the one at hand first, are passed over; 0: it is guarded. Code that seldom runs is slow when it
   * does (2 us for this question and what leads to it), so each answer is longer than the last.
   */
  passOver(): number {
    if (!this.#isSparse) return 0;
    const now = performance.now();
    this.#tokens = Math.min(TOKENS_MAX, this.#tokens + (now - this.#askedAt) / TOKEN_INTERVAL_MS);
    this.#askedAt = now;
    if (this.#tokens >= 1 || this.#passed >= PASSED_MAX) {
      this.#tokens = Math.max(0, this.#tokens - 1);
      this.#passed = 0;
      return 0;
    }
    const left = PASSED_MAX - this.#passed;
    const count = this.#asksEach ? 1 : Math.min(this.#passed + 1, left);
    this.#passed += count;
    return count;
  }
}
