import { afterAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { Arena } from '../../../lib/index';
import { codeOf, expectCode } from '../support/codes';
import { totalsOf } from '../support/sums';

const arena = new Arena();
afterAll(() => {
  expect(totalsOf(arena.stats()).live).toBe(0);
  arena.destroy();
});

const ENCODINGS: BufferEncoding[] = [
  'utf8',
  'utf-8',
  'latin1',
  'binary',
  'ascii',
  'utf16le',
  'ucs2',
  'hex',
  'base64',
  'base64url',
];
const spelled = fc.constantFrom(
  undefined,
  ...ENCODINGS,
  'UTF8',
  'Hex',
  'ucs-2',
  'UTF-16LE',
  'BASE64',
);

/** Text of one kind, of lengths on both sides of every limit in the code. */
const lengths = { maxLength: 80, size: 'max' } as const;
const texts = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', ...lengths }),
  fc.string({ unit: 'binary', ...lengths }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((it) => String.fromCharCode(it)),
    ...lengths,
  }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xff }).map((it) => String.fromCharCode(it)),
    ...lengths,
  }),
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdefABCDEF')), ...lengths }),
  fc.uint8Array(lengths).map((it) => Buffer.from(it).toString('hex')),
  fc.uint8Array(lengths).map((it) => Buffer.from(it).toString('base64')),
  fc.uint8Array(lengths).map((it) => Buffer.from(it).toString('base64url')),
  fc.string({ unit: fc.constantFrom(...Array.from('AZaz09+/-_= \n')), ...lengths }),
  // One character among others of another kind.
  fc
    .tuple(
      fc.nat(70),
      fc.nat(70),
      fc.constantFrom('é', '€', '😀', '\ud800', '\x80', 'g', '=', '\u0161'),
    )
    .map(([a, b, odd]) => 'a'.repeat(a) + odd + 'b'.repeat(b)),
);

function expectSame(text: string, encoding: BufferEncoding | undefined, from = arena): void {
  const view = from.from(text, encoding);
  const expected = Buffer.from(text, encoding);
  if (!view.equals(expected)) {
    throw new Error(
      `${JSON.stringify(text)} ${String(encoding)}: ${view.toString('hex')}, not ${expected.toString('hex')}`,
    );
  }
  from.free(view);
}

describe('from(string)', () => {
  test('has the bytes of Buffer.from, with every encoding', () => {
    fc.assert(
      fc.property(texts, spelled, (text, encoding) => {
        expectSame(text, encoding as BufferEncoding);
      }),
      { numRuns: 8000 },
    );
  });

  test.each(ENCODINGS)('has the bytes of Buffer.from at every length: %s', (encoding) => {
    for (const unit of ['a', '0', 'é', '€', '😀', 'A=', '==', 'zz']) {
      for (let length = 0; length < 140; length++) expectSame(unit.repeat(length), encoding);
      for (const length of [1000, 65_535, 65_537]) expectSame(unit.repeat(length), encoding);
    }
  });

  test('has the bytes of Buffer.from on both sides of the longest text that is encoded first', () => {
    const odd = ['é', '€', '😀', '\ud800'];
    for (const length of [15, 16, 17, 63, 64, 65, 4095, 4096, 4097, 20_000]) {
      for (const one of ['e', ...odd]) {
        expectSame('e'.repeat(length - one.length) + one, 'utf8');
        expectSame(one.repeat(length / one.length), 'utf8');
      }
    }
  });

  test('has the bytes of Buffer.from where what is freed is zeroed', () => {
    const scrubbed = new Arena({ name: 'text-scrubbed', zero: 'free' });
    for (const one of ['e', 'é', '€', '😀', '\ud800']) {
      for (const length of [2, 8, 16, 64, 5000]) expectSame(one.repeat(length), 'utf8', scrubbed);
    }
    scrubbed.destroy();
  });

  test('changes between Latin-1 and wider text, and back', () => {
    for (let i = 0; i < 100; i++) {
      for (const one of ['é', '€', 'é€']) expectSame(one.repeat(1 + i), 'utf8');
    }
  });

  test('changes between ASCII and other text, and back', () => {
    for (let i = 0; i < 100; i++) {
      expectSame((i % 3 === 0 ? 'é' : 'e').repeat(100), 'utf8');
      expectSame('é'.repeat(2) + 'e'.repeat(50), undefined);
      expectSame('e'.repeat(50) + 'é', undefined);
    }
  });

  test('has its own bytes although a getter on the view that it gets asks for another text', () => {
    const texts = ['é'.repeat(100), 'ü'.repeat(90)] as const;
    const view = arena.allocUnsafe(200);
    const others: Buffer[] = [];
    Object.defineProperty(view, 'length', {
      configurable: true,
      get: () => {
        if (others.length === 0) others.push(arena.from(texts[1]));
        return 200;
      },
    });
    arena.free(view);
    const own = arena.from(texts[0]);
    expect(others.map(String)).toEqual([texts[1]]);
    expect(own.toString()).toBe(texts[0]);
    delete (view as { length?: number }).length;
    for (const one of [own, ...others]) arena.free(one);
  });

  test('takes texts that are parts and sums of others', () => {
    const whole = '0123456789'.repeat(100);
    for (const encoding of ENCODINGS) {
      for (const length of [5, 13, 25, 41, 200]) {
        expectSame(whole.slice(3, 3 + length), encoding);
        expectSame(`${whole.slice(0, length)}${String(length)}`, encoding);
      }
    }
  });

  test('refuses encodings as Buffer.from does', () => {
    for (const wrong of ['nonsense', '', 5, null, {}] as never[]) {
      const code = codeOf(() => Buffer.from('text', wrong));
      if (code === undefined) expectSame('text', wrong);
      else expectCode(() => arena.from('text', wrong), code);
    }
  });

  test('uses no method that a program has put on a Buffer', () => {
    const views = [5, 50].map((size) => arena.alloc(size));
    const trap = jest.fn(() => 0);
    for (const view of views) {
      for (const name of ['utf8Write', 'latin1Write', 'write', 'set']) {
        Object.defineProperty(view, name, { value: trap, configurable: true });
      }
      arena.free(view);
    }
    for (const length of [5, 50]) expectSame('x'.repeat(length), 'utf8');
    for (const length of [5, 50]) expectSame('x'.repeat(length), 'latin1');
    expect(trap).not.toHaveBeenCalled();
    arena.trim();
  });
});

describe('concat', () => {
  const lists = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });

  test('has the bytes of Buffer.concat, whatever the total', () => {
    fc.assert(
      fc.property(lists, fc.option(fc.nat(3000), { nil: undefined }), (list, total) => {
        const dirty = arena.alloc(total ?? 5, 0xff);
        arena.free(dirty);
        const view = arena.concat(list, total);
        expect(view.equals(Buffer.concat(list, total))).toBe(true);
        arena.free(view);
      }),
      { numRuns: 1000 },
    );
  });

  test('takes Buffers of arenas, its own among them, and of the scope', () => {
    const text = arena.scope((scope) => {
      const parts = [arena.from('a'), scope.from('b'), Buffer.from('c')];
      const both = scope.concat([...parts, scope.concat(parts)]);
      arena.free(parts[0]!);
      return both.toString();
    });
    expect(text).toBe('abcabc');
  });

  test('refuses what Buffer.concat refuses, with its errors, and takes what that takes', () => {
    const calls: [unknown, unknown?][] = [
      [undefined],
      [null],
      ['text'],
      [{ length: 1, 0: Buffer.alloc(1) }],
      [[1]],
      [['text']],
      [[Buffer.alloc(1), undefined]],
      [[new Uint16Array(2)]],
      [[new DataView(new ArrayBuffer(2))]],
      [[Buffer.alloc(1)], -1],
      [[Buffer.alloc(1)], 1.5],
      [[Buffer.alloc(1)], NaN],
      [[Buffer.alloc(1)], Infinity],
      [[Buffer.alloc(1)], '1'],
      [[Buffer.alloc(1)], null],
      [[Buffer.alloc(1)], 2 ** 53],
      [[], 5],
      [[], -1],
      [[], 'x'],
      [[]],
    ];
    for (const [list, total] of calls) {
      const [ours, nodes] = [arena, Buffer].map((it) => {
        try {
          const result = it.concat(list as never, total as never);
          if (it === arena) arena.free(result);
          return `Buffer of ${result.length}`;
        } catch (error) {
          const { code, message, name } = error as Error & { code: string };
          return `${name} ${code} ${message}`;
        }
      });
      expect(ours).toBe(nodes);
    }
  });

  test('loses nothing when there is no memory', () => {
    const small = new Arena({ maxBytes: 4 << 20 });
    const part = Buffer.alloc(3 << 20);
    expectCode(() => small.concat([part, part]), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expect(totalsOf(small.stats()).live).toBe(0);
    small.destroy();
  });
});
