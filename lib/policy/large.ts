/**
 * Large limits: which block serves a request beyond 64 KB, and how much is kept for other sizes.
 */
import { SLAB_BYTES } from '../native/geometry';
import { PROCESS_POLICY, type PolicyState } from './state';

export interface LargeLimits {
  /** So many times what was lately in use at once is kept for other sizes, ... */
  readonly variety: number;
  /** ... but so many bytes at most. */
  readonly varietyBytes: number;
  /** A block that is kept may be so many times as large as what it serves. */
  readonly fit: number;
  /** A request takes at most so many times its size. */
  readonly rounding: number;
}

export function largeLimitsOf(policy: PolicyState): LargeLimits {
  return {
    variety: policy.valueOf('largeVariety'),
    varietyBytes: policy.valueOf('largeVarietyBytes'),
    fit: policy.valueOf('largeFit'),
    rounding: policy.valueOf('largeRounding'),
  };
}

/** Those of an arena of which nothing is said. */
export const USUAL_LIMITS = largeLimitsOf(PROCESS_POLICY);

/** Whole slabs that hold `size` bytes. */
export function slabBytes(size: number): number {
  return Math.ceil(size / SLAB_BYTES) * SLAB_BYTES;
}

/**
 * Bytes to ask for instead of `size`: a step, of which each doubling has as many as the rounding allows, so that near
 * sizes get the same block.
 */
export function roundedSize(size: number, rounding: number): number {
  if (rounding === 1) return size;
  const floor = 2 ** Math.floor(Math.log2(size));
  const step = Math.max(SLAB_BYTES, floor * (rounding - 1));
  return slabBytes(Math.ceil(size / step) * step);
}
