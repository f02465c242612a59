/**
 * Waste: what a table of size classes costs for given lengths. Pure: no arena, no clock.
 */
import { SLAB_BYTES, spanBytesOf } from '../native/geometry';

/** So many allocations of one length, 1 to 64 KB. */
export interface Demand {
  readonly length: number;
  readonly count: number;
}

/** Bytes that a block of a class costs: its share of a slab or span, tail included. */
export function blockCost(stride: number): number {
  const bytes = spanBytesOf(stride);
  return bytes / Math.floor(bytes / stride);
}

/** The smallest stride that holds a length: 8, or a multiple of 16. */
export function strideFor(length: number): number {
  return length <= 8 ? 8 : Math.ceil(length / 16) * 16;
}

/** Blocks by the shortest stride that holds them. */
export function blocksByStride(demand: readonly Demand[]): Map<number, number> {
  const blocks = new Map<number, number>();
  for (const { length, count } of demand) {
    const stride = strideFor(length);
    if (count > 0) blocks.set(stride, (blocks.get(stride) ?? 0) + count);
  }
  return blocks;
}

/** The largest stride whose blocks cost no more: longer lengths are served for nothing. */
export function widened(stride: number): number {
  if (stride <= 8) return 8;
  return Math.floor(blockCost(stride) / 16) * 16;
}

/** Bytes requested, and bytes of slabs that these blocks take. */
export interface Cost {
  readonly requested: number;
  readonly taken: number;
}

/** What demand costs with classes of these strides, which ascend; what is longer than all of them takes a slab. */
export function costOf(demand: readonly Demand[], strides: readonly number[]): Cost {
  let requested = 0;
  let taken = 0;
  for (const { length, count } of demand) {
    const stride = strides.find((one) => one >= length) ?? SLAB_BYTES;
    requested += length * count;
    taken += blockCost(stride) * count;
  }
  return { requested, taken };
}

/** Part of what is taken that is not requested: 0 to 1. */
export function wasteShare({ requested, taken }: Cost): number {
  return taken === 0 ? 0 : (taken - requested) / taken;
}
