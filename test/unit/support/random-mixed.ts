/**
 * random_mixed: the bench whose allocations per class are known to the unit.
 */
import type { Arena } from '../../../lib/index';
import { xorshift32 } from './random';

export interface RandomMixedCall {
  readonly iterations: number;
  readonly slots: number;
  readonly seed: number;
  readonly min: number;
  readonly max: number;
}

/** The warm-up's state is the seed plus this. */
const WARM_UP_OFFSET = 0xdeadbeef;

/** Runs it on an arena: warm-up, run, and a free of everything that is left. */
export function randomMixed(arena: Arena, call: RandomMixedCall): void {
  const slots = new Array<Buffer | undefined>(call.slots).fill(undefined);
  const warmUps = Math.floor(call.iterations / 10);
  mix(arena, slots, call, warmUps, (call.seed + WARM_UP_OFFSET) >>> 0);
  mix(arena, slots, call, call.iterations, call.seed);
  for (const view of slots) if (view !== undefined) arena.free(view);
}

function mix(
  arena: Arena,
  slots: (Buffer | undefined)[],
  { min, max }: RandomMixedCall,
  iterations: number,
  state: number,
): void {
  let r = state;
  for (let i = 0; i < iterations; i++) {
    r = xorshift32(r);
    const slot = r % slots.length;
    const held = slots[slot];
    if (held !== undefined) {
      if (held[0] !== (slot & 0xff)) throw new Error(`slot ${slot} lost its first byte`);
      arena.free(held);
      slots[slot] = undefined;
    } else {
      const view = arena.allocUnsafe(Math.min(Math.max(16 + (r & 0x3ff), min), max));
      view[0] = slot & 0xff;
      slots[slot] = view;
    }
  }
}
