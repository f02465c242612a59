/**
 * Room on the stack is asked for by going down there, or told by the addon from how deep the stack is.
 */
import { describe, expect, test } from '@jest/globals';
import { Room, ensureStack, ensureWholeStack, setDepth } from '../../lib/base/stack';
import { native } from '../../lib/native/native';
import { atTheEndOfTheStack } from './support/depths';

/** Frames as large as those of a step, eight of which it takes. */
function deeper(left: number, ...rest: number[]): number {
  return left === 0 ? rest.length : deeper(left - 1, ...rest, left) + left;
}

const depths = native.stackDepth;

describe('room on the stack', () => {
  test('is there when it was asked for, wherever the stack ends', () => {
    ensureWholeStack();
    let missing = 0;
    const failures = atTheEndOfTheStack(() => {
      ensureStack(Room.Step);
      try {
        deeper(8, 1, 2, 3, 4, 5);
      } catch {
        missing++;
      }
    });
    expect(failures).toBeGreaterThan(0);
    expect(missing).toBe(0);
  });

  test('is missing for the whole of it long before it is for a step', () => {
    const whole = atTheEndOfTheStack(ensureWholeStack);
    for (let i = 0; i < 1000; i++) ensureStack(Room.Step);
    expect(atTheEndOfTheStack(ensureWholeStack)).toBeGreaterThan(0);
    expect(whole).toBeGreaterThan(0);
  });
});

(depths === undefined ? describe.skip : describe)('the depth of the stack', () => {
  const depthAt = (frames: number): number => (frames === 0 ? depths!() : depthAt(frames - 1) + 0);

  test('grows with every frame', () => {
    const seen = [0, 10, 100, 1000].map(depthAt);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBe(4);
  });

  test('spares who is no deeper than somebody who had room', () => {
    // Deeper than any other test has been.
    let depth = 2 ** 28;
    setDepth(() => depth);
    ensureWholeStack();
    const ask = (): void => {
      ensureStack(Room.Call);
    };
    ask(); // Compiled now: the compiler would need more than there is.
    expect(atTheEndOfTheStack(ask)).toBeLessThan(20);
    depth++;
    expect(atTheEndOfTheStack(ask)).toBeGreaterThan(40);
    setDepth(depths!);
  });
});
