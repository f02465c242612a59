/** Which backend the tests run on, and what only one of them does. `HAKMEM_BACKEND=wasm npx jest` has the other. */
import { test } from '@jest/globals';
import { backend } from '../../../lib/native/native';

export const IS_WASM = backend.name === 'wasm';

/** `test` for what only the addon does: elsewhere it is skipped, with the reason behind its name. */
export function onlyNative(reason: string): typeof test {
  if (!IS_WASM) return test;
  const named = (name: unknown): string => `${String(name)} [not on WebAssembly: ${reason}]`;
  const skip = (name: unknown, ...rest: [never]): void => test.skip(named(name), ...rest);
  const each =
    (...table: [never]) =>
    (name: unknown, ...rest: [never]): void =>
      test.skip.each(...table)(named(name), ...rest);
  return Object.assign(skip, { each }) as unknown as typeof test;
}
