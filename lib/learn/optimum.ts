/**
 * Optimum: the size classes that waste least for given lengths. Pure: no arena, no clock.
 *
 * Strides cut the sorted lengths into stretches, and each stretch costs its number of blocks times the cost of its
 * longest: a partition of points on a line. The best partition into k stretches that ends at a point follows from the
 * best ones into k - 1. Where its last stretch begins moves only forward with that point, because longer blocks
 * never cost less (the quadrangle inequality), so each row is found by halves: O(k n log n) for n lengths.
 */
import { type Demand, blockCost, blocksByStride, widened } from './waste';

/** Lengths that need the same stride are one point. */
interface Points {
  /** Ascending. */
  readonly strides: Float64Array;
  /** Cost of a block of each. */
  readonly costs: Float64Array;
  /** Blocks of all points before each, and at the end of all. */
  readonly before: Float64Array;
}

function pointsOf(demand: readonly Demand[]): Points {
  const counts = blocksByStride(demand);
  const strides = Float64Array.from([...counts.keys()].sort((a, b) => a - b));
  const before = new Float64Array(strides.length + 1);
  strides.forEach((stride, i) => (before[i + 1] = before[i]! + counts.get(stride)!));
  return { strides, costs: strides.map(blockCost), before };
}

/** One row: the cheapest way to serve the first points with one stretch more than the row before. */
class Row {
  readonly costs: Float64Array;
  /** Where the last stretch begins. */
  readonly begins: Int32Array;
  readonly #points: Points;
  readonly #previous: Float64Array;

  constructor(points: Points, previous: Float64Array) {
    const count = points.strides.length;
    this.#points = points;
    this.#previous = previous;
    this.costs = new Float64Array(count + 1).fill(Infinity);
    this.begins = new Int32Array(count + 1);
    this.costs[0] = 0;
    this.#fill(1, count, 0, count - 1);
  }

  /** Points from `first` to `last`, whose last stretches begin between `low` and `high`. */
  #fill(first: number, last: number, low: number, high: number): void {
    if (first > last) return;
    const middle = (first + last) >> 1;
    const { costs, before } = this.#points;
    const previous = this.#previous;
    const each = costs[middle - 1]!;
    const all = before[middle]!;
    const end = Math.min(high, middle - 1);
    let best = Infinity;
    let begin = low;
    for (let at = low; at <= end; at++) {
      const cost = previous[at]! + each * (all - before[at]!);
      if (cost >= best) continue;
      best = cost;
      begin = at;
    }
    this.costs[middle] = best;
    this.begins[middle] = begin;
    this.#fill(first, middle - 1, low, begin);
    this.#fill(middle + 1, last, begin, high);
  }
}

/**
 * At most `count` strides, ascending, each 8 or a multiple of 16, that serve all of these lengths with the least waste,
 * slab tails included. None, if there is no demand.
 */
export function bestStrides(demand: readonly Demand[], count: number): number[] {
  const points = pointsOf(demand);
  const { length } = points.strides;
  if (length === 0) return [];
  const rows: Row[] = [];
  let previous: Float64Array = new Float64Array(length + 1).fill(Infinity);
  previous[0] = 0;
  for (let i = 0; i < Math.min(count, length); i++) {
    const row = new Row(points, previous);
    rows.push(row);
    previous = row.costs;
  }
  const strides: number[] = [];
  for (let end = length, row = rows.length - 1; end > 0; row--) {
    strides.unshift(widened(points.strides[end - 1]!));
    end = rows[row]!.begins[end]!;
  }
  return [...new Set(strides)];
}
