/**
 * Random numbers that are the same in every run.
 */

/** xorshift32 with shifts 13, 17, 5: the next of 2^32 - 1 states, as a signed integer; `state` is not 0. */
export function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}
