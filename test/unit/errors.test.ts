import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { HAKMEM_ERRORS, type HakmemErrorCode } from '../../lib/errors';
import { HakmemError, OutOfMemoryError } from '../../lib/index';
import { Arena } from '../../lib/index';
import { errorOf } from './support/codes';

const CODES = Object.keys(HAKMEM_ERRORS) as HakmemErrorCode[];

describe('the codes', () => {
  test('are these, in alphabetical order', () => {
    expect(CODES).toEqual([...CODES].sort());
    expect(CODES).toEqual(
      expect.arrayContaining([
        'ERR_HAKMEM_ARENA_DESTROYED',
        'ERR_HAKMEM_DOUBLE_FREE',
        'ERR_HAKMEM_NATIVE_LOAD',
        'ERR_HAKMEM_NOT_OWNED',
        'ERR_HAKMEM_OUT_OF_MEMORY',
        'ERR_HAKMEM_STALE_VIEW',
        'ERR_HAKMEM_TICKET',
      ]),
    );
  });

  test('every one that the sources name is in the table', () => {
    const lib = join(__dirname, '..', '..', 'lib');
    for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const named = readFileSync(join(lib, file), 'utf8').match(/ERR_HAKMEM_\w+/g) ?? [];
      for (const code of named) expect(CODES).toContain(code);
    }
  });
});

describe('a HakmemError', () => {
  test.each(CODES)('%s carries code, name and message', (code) => {
    const error = new HakmemError(code, 'the detail');
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe(code);
    expect(error.name).toBe('HakmemError');
    expect(error.message).toBe(`${HAKMEM_ERRORS[code]}: the detail`);
    expect(new HakmemError(code).message).toBe(HAKMEM_ERRORS[code]);
  });

  test('shows its code and its stack', () => {
    const text = inspect(new HakmemError('ERR_HAKMEM_DOUBLE_FREE'));
    expect(text).toContain('ERR_HAKMEM_DOUBLE_FREE');
    expect(text).toContain('errors.test.ts');
  });

  test('keeps its cause', () => {
    const cause = new Error('why');
    expect(new HakmemError('ERR_HAKMEM_NATIVE_LOAD', '', { cause }).cause).toBe(cause);
  });
});

test('an OutOfMemoryError says its numbers', () => {
  const numbers = { requestedBytes: 100, usedBytes: 200, maxBytes: 300 };
  const error = new OutOfMemoryError('limit', 'no more', numbers);
  expect(error).toMatchObject({ code: 'ERR_HAKMEM_OUT_OF_MEMORY', reason: 'limit', ...numbers });
  expect(error.message).toMatch(/100.*200.*300/);
  const unlimited = new OutOfMemoryError('os', 'no more', { ...numbers, maxBytes: 0 });
  expect(unlimited.message).toContain('no limit');
});

describe('an argument error', () => {
  interface NodeError {
    readonly name: string;
    readonly code: string;
    readonly message: string;
  }
  const ours = (fn: (arena: Arena) => unknown): NodeError => {
    const arena = new Arena();
    const error = errorOf(() => fn(arena)) as NodeError;
    arena.destroy();
    return error;
  };

  test.each([
    ['a string', '5'],
    ['a bigint', 5n],
    ['null', null],
    ['undefined', undefined],
    ['an object', { a: 1 }],
    ['an instance', new Date(0)],
    ['an object without a prototype', Object.create(null)],
    ['a function', function named() {}],
    ['a symbol', Symbol('s')],
    ['true', true],
    ['a long string', 'x'.repeat(100)],
  ])('reads as one of Node for a size that is %s', (_name, size) => {
    const theirs = errorOf(() => Buffer.alloc(size as never)) as NodeError;
    const error = ours((arena) => arena.alloc(size as never));
    expect({ name: error.name, code: error.code }).toEqual({
      name: theirs.name,
      code: theirs.code,
    });
    expect(error.message.split(' Received ')[0]).toBe(theirs.message.split(' Received ')[0]);
  });

  test.each([-1, 2 ** 53, Infinity, -Infinity])('reads as one of Node for the size %p', (size) => {
    const theirs = errorOf(() => Buffer.alloc(size)) as NodeError;
    const error = ours((arena) => arena.alloc(size));
    expect({ name: error.name, code: error.code }).toEqual({
      name: theirs.name,
      code: theirs.code,
    });
    expect(error.message).toContain('The value of "size" is out of range.');
  });

  test('names the option that is wrong', () => {
    expect(ours(() => new Arena({ name: 5 as never })).message).toContain('options.name');
    expect(ours(() => new Arena({ maxBytes: -1 })).message).toContain('options.maxBytes');
    expect(ours(() => new Arena({ sizeClasses: [16, 9] })).message).toContain(
      'options.sizeClasses',
    );
    expect(ours(() => new Arena({ unknown: 1 } as never)).message).toContain('options.unknown');
  });
});
