/**
 * Core: what of a policy the core goes by.
 */
import { native } from '../native/native';
import type { PolicyState } from './state';

/** The core counts shares in so many parts: HK_EMPTY_SHARE_ONE. */
const SHARE_ONE = 65_536;

/** `arena` names it in native calls. The values are in the order of `setPolicy` of lib/native/entries.ts. */
export function setCorePolicy(arena: number, policy: PolicyState): void {
  const values = Float64Array.of(
    policy.valueOf('purgeDelayMs'),
    policy.valueOf('freePolicy'),
    policy.valueOf('emptySlabsHigh'),
    Math.round(policy.valueOf('emptyShareHigh') * SHARE_ONE),
    policy.valueOf('emptySlabsLow'),
    Math.round(policy.valueOf('emptyShareLow') * SHARE_ONE),
  );
  native.setPolicy(arena, values);
}
