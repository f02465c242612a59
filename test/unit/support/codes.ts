/**
 * Codes: what tests assert about errors. Messages may change, codes may not.
 */
import { expect } from '@jest/globals';

/** What `fn` throws, as a code; undefined when it returns. Anything thrown without a code fails. */
export function codeOf(fn: () => unknown): string | undefined {
  try {
    fn();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== 'string') throw error;
    return code;
  }
  return undefined;
}

/** Expects that `fn` throws an error with this code. */
export function expectCode(fn: () => unknown, code: string): void {
  expect(codeOf(fn)).toBe(code);
}

/** What `fn` throws. Fails when it returns. */
export function errorOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}
