/**
 * Programs that change how stacks are made: guard and leak detection go on, with what stack there is.
 */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Arena, type GuardReport } from '../../lib/index';
import { expectCode } from '../unit/support/codes';
import { listen } from '../unit/support/reports';

const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
const { stackTraceLimit } = Error;
beforeEach(() => {
  // Warnings of findings would fill the screen.
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  jest.restoreAllMocks();
  if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
  else Object.defineProperty(Error, 'prepareStackTrace', before);
  Error.stackTraceLimit = stackTraceLimit;
});

const PREPARES: Record<string, (error: Error, frames: NodeJS.CallSite[]) => unknown> = {
  'returns the frames': (_error, frames) => frames,
  'returns nothing': () => undefined,
  'returns a number': () => 5,
  'returns a symbol': () => Symbol('stack'),
  throws: () => {
    throw new Error('no stack today');
  },
};

const LIMITS = { '0': 0, Infinity: Infinity, NaN: NaN, "'x'": 'x', undefined: undefined };

function expectFindings(name: string): void {
  const arena = new Arena({ name, guard: { sampleRate: 1 }, leaks: 'all' });
  using listener = listen<GuardReport>('hakmem-arena:guard', name);
  const view = arena.alloc(100);
  arena.free(view);
  view[7] = 1;
  expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
  arena.trim();
  expect(listener.messages.map(({ kind, offset }) => [kind, offset])).toEqual([
    ['double-free', -1],
    ['late-write', 7],
  ]);
  arena.alloc(5);
  expect(arena.liveBlocks().map(({ size }) => size)).toEqual([5]);
  arena.destroy();
}

test.each(Object.keys(PREPARES))('an Error.prepareStackTrace that %s', (name) => {
  Error.prepareStackTrace = PREPARES[name]!;
  expectFindings(`prepare ${name}`);
});

test.each(Object.keys(LIMITS))('an Error.stackTraceLimit of %s', (name) => {
  Error.stackTraceLimit = LIMITS[name as keyof typeof LIMITS] as number;
  expectFindings(`limit ${name}`);
});
