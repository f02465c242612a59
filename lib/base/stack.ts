/**
 * Stack: asks for room on the call stack before work that must not stop halfway.
 *
 * A function that runs at the end of the stack can fail at any call it makes, with a RangeError of the engine.
 * Work that must not fail halfway makes sure here that it has room for all its calls.
 *
 * Whoever goes down so many frames and comes back has proved that there is room. The limit of a thread's stack does not
 * move: so what was proved at one depth holds wherever the stack is no deeper, and the addon can tell how deep it is.
 */

/**
 * Room in frames of {@link descend}, 110 to 170 bytes each. A caller's room includes the room of what it calls.
 * A step goes eight frames deep (measured: 2 KB).
 */
export const Room = {
  /** A free or an allocation. */
  Step: 30,
  /** Something that frees or allocates. */
  Call: 70,
} as const;

let depthOf: (() => number) | undefined;

/** Less deep than any stack. */
const NOWHERE = -(2 ** 30);

/** The whole room was there when the stack was so deep. */
let provenDepth = NOWHERE;

/** To be told once, before the first arena: how to find out how deep the stack is. Elsewhere nobody can tell. */
export function setDepth(ask: () => number): void {
  depthOf = ask;
}

/** What a call of the core needs on top of that; 0: it needs none of the engine's stack, as native code does not. */
let coreRoom = 0;

/** To be told once, before the first arena. */
export function setCoreRoom(room: number): void {
  coreRoom = room;
  provenDepth = NOWHERE;
}

/** A function is compiled at its first call, and the compiler needs 40 KB of stack. */
const COLD_ROOM = 400;
const COLD_CALLS = 1000;

function descend(left: number, a: number, b: number, c: number, d: number, e: number): number {
  return left === 0 ? a : descend(left - 1, b, c, d, e, a) + e;
}

/**
 * A way through the code that asks for room each time it is gone. Each has a count of its own: while the others are
 * compiled for long, this one may not have been gone yet.
 */
export class Way {
  #coldCalls = COLD_CALLS;

  /** As {@link ensureStack}. */
  ensureStack(room: number): void {
    if (depthOf !== undefined && depthOf() <= provenDepth) return;
    if (this.#coldCalls > 0) {
      ensureWholeStack();
      this.#coldCalls--;
    } else {
      descend(room + coreRoom, 1, 2, 3, 4, 5);
    }
  }
}

const common = new Way();

/** Throws the engine's RangeError when the call stack is almost full; nothing has happened then. */
export function ensureStack(room: number): void {
  common.ensureStack(room);
}

/** The same for rare operations that do a lot of work (reset, destroy, trim). */
export function ensureWholeStack(): void {
  const depth = depthOf?.();
  if (depth !== undefined && depth <= provenDepth) return;
  descend(COLD_ROOM + Room.Call + coreRoom, 1, 2, 3, 4, 5);
  provenDepth = depth ?? NOWHERE;
}

/** The same for a call of the core itself, whoever makes it. */
export function ensureCoreStack(room: number): void {
  descend(room, 1, 2, 3, 4, 5);
}
