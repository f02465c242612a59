// Trace: steps made before the clock starts. A step names a slot and a length; an occupied slot is
// freed, an empty one filled. bench/c/cases/trace.c makes the same ones.

import type { Lengths } from './lengths';
import { nextRandom, SEED } from './random';
import type { Rival, Touchable } from './rivals';

/** About half of them are occupied at any time. */
export const SLOTS = 400;

export interface Trace {
  readonly slots: Uint16Array;
  readonly lengths: Int32Array;
}

export function makeTrace(lengthAt: Lengths, steps: number): Trace {
  const trace = { slots: new Uint16Array(steps), lengths: new Int32Array(steps) };
  let random = SEED;
  for (let i = 0; i < steps; i++) {
    random = nextRandom(random);
    trace.slots[i] = random % SLOTS;
    random = nextRandom(random);
    trace.lengths[i] = lengthAt(random, i, i / steps);
  }
  return trace;
}

export type Live = (Touchable | null)[];

export function noneLive(slots = SLOTS): Live {
  return new Array<Touchable | null>(slots).fill(null);
}

/**
 * Plays steps `from` to `to`; what it read of freed memory, so that nobody can leave the reads out.
 * A process has one rival only, so the engine inlines it here as it would in a service.
 */
export function playTrace(
  trace: Trace,
  live: Live,
  rival: Rival,
  from: number,
  to: number,
): number {
  const { slots, lengths } = trace;
  let sum = 0;
  for (let i = from; i < to; i++) {
    const slot = slots[i]!;
    const old = live[slot] as Touchable | null;
    if (old !== null) {
      sum += old[0]!;
      rival.free(old);
      live[slot] = null;
    } else {
      const view = rival.alloc(lengths[i]!);
      view[0] = 1;
      live[slot] = view;
    }
  }
  return sum;
}
