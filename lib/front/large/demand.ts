/**
 * Demand: bytes of large blocks that are live, and how many an arena may have out of the core for it.
 *
 *   limit = the peak of the last one to two epochs + some for sizes that change
 *
 * What is live and what is kept add up to what is out of the core, so a block that only goes from one to the other
 * changes nothing about the limit: it is worked out anew when blocks come from the core, at the end of an epoch, and
 * once in so many frees.
 *
 * Called by: the large blocks, whose hot way changes `live` and `peak` itself.
 */
import { nowMs } from '../../base/clock';
import { native } from '../../native/native';
import { type LargeLimits, USUAL_LIMITS } from '../../policy/large';

/** How long a peak counts, at least; at most twice as long. The core does the same (csrc/supply/demand.h). */
const EPOCH_MS = 10_000;

/** Frees between two looks at the clock, which costs more than the free of a view that is kept. */
export const FREES_PER_LOOK = 1024;

function optionValue(name: string): number {
  return native.tables.options.find((option) => option.name === name)!.value;
}

/** An epoch is no longer than the cache keeps what nobody needs. */
const OWN_EPOCH_MS = Math.min(EPOCH_MS, optionValue('HAKMEM_SUPERSLAB_TTL_SEC') * 1000);
const KEEPS_NOTHING =
  OWN_EPOCH_MS === 0 ||
  optionValue('HAKMEM_SUPERSLAB_MAX_MEMORY_MB') === 0 ||
  optionValue('HAKMEM_SUPERSLAB_MAX_CACHED') === 0;

export class Demand {
  live = 0;
  /** Most that was live in this epoch, when something was freed. */
  peak = 0;
  /** Frees until the next look at the clock. */
  untilLook = 0;
  /** Bytes that may be out of the core, as of the last look; less than none: a free may leave nothing behind. */
  limit = -1;
  #lastPeak = 0;
  #since = 0;
  #limits = USUAL_LIMITS;

  /** Other limits from now on. */
  setLimits(limits: LargeLimits): void {
    this.#limits = limits;
    this.limit = this.#limitNow();
  }

  /** Counts the end of `bytes` that were live. */
  fall(bytes: number): void {
    const age = nowMs() - this.#since;
    if (age >= OWN_EPOCH_MS) {
      this.#lastPeak = age < 2 * OWN_EPOCH_MS ? this.peak : this.live;
      this.peak = this.live;
      this.#since += age;
    }
    if (this.live > this.peak) this.peak = this.live;
    this.live -= bytes;
    this.untilLook = FREES_PER_LOOK;
    this.limit = this.#limitNow();
  }

  /** false: the limit will only shrink when less is live. */
  get isFalling(): boolean {
    return Math.max(this.peak, this.#lastPeak) > this.live;
  }

  /** Bytes of free blocks worth keeping. */
  room(): number {
    return Math.max(this.#limitNow() - this.live, 0);
  }

  #limitNow(): number {
    if (KEEPS_NOTHING) return -1;
    const peak = Math.max(this.peak, this.#lastPeak);
    const { variety, varietyBytes } = this.#limits;
    return Math.floor(peak + Math.min(peak * variety, varietyBytes));
  }
}
