/**
 * Cost: what a period of an arena's life cost, nanoseconds and bytes together. Pure: no arena, no clock.
 *
 *   cost = (slow x 500 ns + system calls x 5,000 ns + megabytes held x seconds x 20,000 ns) / allocations
 *
 * A slow allocation is a native call; a system call for memory is followed by page faults; and a megabyte that is held
 * for a second counts as much as four system calls, so that nobody buys a nanosecond with all of memory.
 */

const SLOW_NS = 500;
const SYSTEM_CALL_NS = 5000;
const MB_SECOND_NS = 20_000;

/** What happened in one period. */
export interface Period {
  readonly ms: number;
  readonly allocs: number;
  readonly slow: number;
  readonly systemCalls: number;
  /** At its end. */
  readonly heldBytes: number;
}

/** Nanoseconds per allocation. */
export function costOfPeriod({ ms, allocs, slow, systemCalls, heldBytes }: Period): number {
  const held = (heldBytes / 2 ** 20) * (ms / 1000) * MB_SECOND_NS;
  return (slow * SLOW_NS + systemCalls * SYSTEM_CALL_NS + held) / Math.max(allocs, 1);
}
