/**
 * Stack: asks for room on the call stack before work that must not stop halfway.
 *
 * Whoever is called at the very end of the stack may be stopped at any of its own calls, by a RangeError of the
 * engine. What was asked for here is there then.
 */

/**
 * Room in frames of {@link descend}, 110 to 170 bytes each. Whoever calls another that asks needs that one's room,
 * too. A step goes eight frames deep (measured: 2 KB), and to ask for its room costs 200 ns.
 */
export const Room = {
  /** A free or an allocation. */
  Step: 30,
  /** Something that frees or allocates. */
  Call: 70,
} as const;

/** What runs for the first time is compiled, and for that the engine wants 40 KB of stack. */
const COLD_ROOM = 400;
const COLD_CALLS = 1000;
let coldCalls = COLD_CALLS;

function descend(left: number, a: number, b: number, c: number, d: number, e: number): number {
  return left === 0 ? a : descend(left - 1, b, c, d, e, a) + e;
}

/** Throws the engine's RangeError when the call stack is almost full; nothing has happened then. */
export function ensureStack(room: number): void {
  if (coldCalls > 0) {
    ensureWholeStack();
    coldCalls--;
  } else {
    descend(room, 1, 2, 3, 4, 5);
  }
}

/** The same for what is seldom done, and does everything. */
export function ensureWholeStack(): void {
  descend(COLD_ROOM + Room.Call, 1, 2, 3, 4, 5);
}
