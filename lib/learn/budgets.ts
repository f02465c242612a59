/**
 * Budgets: how many bytes of free views a class keeps, by the share of allocations that its front serves.
 *
 * A class that misses its target gets twice as much, while all that was added stays below 4 % of what the arena
 * holds. One that has hit it by a margin for a while gives half of that back. Between both nothing changes.
 */

/** What one class did in a period. */
export interface ClassPeriod {
  readonly size: number;
  readonly allocs: number;
  readonly slow: number;
}

/** With fewer allocations a period says nothing. */
const ALLOCS_MIN = 1000;
/** Of longer lengths fewer repeat. */
const TARGETS = [
  [1024, 0.99],
  [8192, 0.97],
  [65_536, 0.9],
] as const;
/** Half of the misses that the target allows. */
const MARGIN = 0.5;
const PERIODS_TO_SHRINK = 8;
const ADDED_SHARE = 0.04;

function targetOf(size: number): number {
  return TARGETS.find(([most]) => size <= most)?.[1] ?? TARGETS[0][1];
}

export class Budgets {
  readonly #usual: number;
  readonly #most: number;
  /** What classes have instead of the usual. */
  readonly #bytes = new Map<number, number>();
  readonly #calm = new Map<number, number>();

  /** `usual`: bytes of a class of which nothing was learned; `most`: of any. */
  constructor(usual: number, most: number) {
    this.#usual = usual;
    this.#most = most;
  }

  bytesOf(size: number): number {
    return this.#bytes.get(size) ?? this.#usual;
  }

  get #added(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes - this.#usual, 0);
  }

  /** Budgets that change after a period, by size. */
  observe(classes: readonly ClassPeriod[], heldBytes: number): ReadonlyMap<number, number> {
    const changed = new Map<number, number>();
    for (const { size, allocs, slow } of classes) {
      if (allocs < ALLOCS_MIN) continue;
      const bytes = this.#next(size, slow / allocs, heldBytes);
      if (bytes === this.bytesOf(size)) continue;
      this.#bytes.set(size, bytes);
      changed.set(size, bytes);
    }
    return changed;
  }

  #next(size: number, misses: number, heldBytes: number): number {
    const bytes = this.bytesOf(size);
    const allowed = 1 - targetOf(size);
    const isCalm = misses <= allowed * MARGIN;
    const calm = isCalm ? (this.#calm.get(size) ?? 0) + 1 : 0;
    this.#calm.set(size, calm);
    if (misses > allowed) {
      const more = Math.min(bytes * 2, this.#most);
      return this.#added + more - bytes <= heldBytes * ADDED_SHARE ? more : bytes;
    }
    if (calm < PERIODS_TO_SHRINK) return bytes;
    this.#calm.set(size, 0);
    return Math.max(this.#usual, bytes / 2);
  }
}
