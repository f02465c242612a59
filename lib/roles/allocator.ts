/**
 * Allocator: the calls that arenas and scopes have in common.
 */
import type { ArenaBuffer, TypedView, ViewConstructor } from '../types';

/**
 * What {@link Arena.from} copies: whatever `Buffer.from` can make a Buffer of.
 *
 * @example
 * const values: FromValue[] = ['text', [1, 2, 3], new Uint8Array(8), new ArrayBuffer(16)];
 * const copies = values.map((value) => arena.from(value));
 */
export type FromValue =
  | string
  | ArrayBufferLike
  | Uint8Array
  | readonly number[]
  | {
      /** A string, or something else of this list. */
      valueOf(): unknown;
    }
  | {
      /** The text to copy. */
      [Symbol.toPrimitive](hint: 'string'): string;
    };

/**
 * What hands out views: an {@link Arena}, or a {@link Scope}, of which they then are.
 *
 * @example
 * const encode = (memory: Allocator, text: string): Buffer => memory.from(text);
 * arena.free(encode(arena, 'freed by hand'));
 * arena.scope((scope) => handle(encode(scope, 'freed with the scope')));
 */
export interface Allocator {
  /**
   * A Buffer filled with `fill`, like `Buffer.alloc`.
   *
   * @param size - bytes, 0 or more.
   * @param fill - byte, string or bytes to repeat.
   * @param encoding - of a string `fill`.
   * @throws {ERR_INVALID_ARG_TYPE} `size` is not a number, or `encoding` not a string.
   * @throws {ERR_INVALID_ARG_VALUE} `fill` has no bytes to repeat.
   * @throws {ERR_UNKNOWN_ENCODING} there is no such `encoding`.
   * @throws {ERR_OUT_OF_RANGE} `size` is not a whole number that a Buffer can have.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @defaultValue `fill` 0, `encoding` 'utf8'
   * @example
   * const zeroes = arena.alloc(4096);
   * const dashes = arena.alloc(80, '-');
   */
  alloc(size: number, fill?: string | Uint8Array | number, encoding?: BufferEncoding): ArenaBuffer;

  /**
   * A Buffer with old contents: bytes that this arena, and no other, wrote before.
   *
   * @param size - bytes, 0 or more.
   * @param alignment - of the first byte's address: a power of two, 1 to 4096. Without it, blocks
   *   are aligned to 16 bytes, or 8 for sizes up to 8.
   * @throws {ERR_INVALID_ARG_TYPE} `size` or `alignment` is not a number.
   * @throws {ERR_OUT_OF_RANGE} `size` or `alignment` is out of range.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const frame = arena.allocUnsafe(1500);
   * const page = arena.allocUnsafe(4096, 4096); // for O_DIRECT, say
   */
  allocUnsafe(size: number, alignment?: number): ArenaBuffer;

  /**
   * A Buffer with old contents that is as long as its block: at least `size` bytes, and all that an allocation of
   * `size` bytes takes. For what is filled as far as data comes: reads, receives, output that grows. Arenas have 64
   * lengths up to 64 KB, and multiples of 64 KB beyond, so that sizes which never come twice are as fast as one
   * that does.
   *
   * @param size - bytes, 0 or more; 0 gives an empty Buffer.
   * @throws as {@link Allocator.allocUnsafe}.
   * @example
   * const chunk = arena.allocAtLeast(3000);
   * console.log(chunk.length, arena.usableSize(chunk)); // 3264 3264
   */
  allocAtLeast(size: number): ArenaBuffer;

  /**
   * A Buffer with a copy of `value`, like `Buffer.from`; memory is always copied, also of an ArrayBuffer.
   * A text that is not ASCII may count two allocations, one of which is freed at once.
   *
   * @param value - text, bytes, or anything else that `Buffer.from` takes.
   * @param encodingOrOffset - encoding of a text; offset in bytes into an ArrayBuffer.
   * @param length - bytes of an ArrayBuffer to copy.
   * @throws what `Buffer.from` throws for the same arguments.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const reply = arena.from('HTTP/1.1 204 No Content\r\n\r\n', 'latin1');
   */
  from(value: FromValue, encodingOrOffset?: string | number, length?: number): ArenaBuffer;

  /**
   * A Buffer with the bytes of several one after another, like `Buffer.concat`.
   *
   * @param list - Buffers or Uint8Arrays, of anybody.
   * @param totalLength - bytes of the result: what is more is cut off, what is missing is zero.
   * @throws what `Buffer.concat` throws for the same arguments.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @defaultValue `totalLength` the sum of all lengths
   * @example
   * const message = arena.concat([arena.from('head'), Buffer.from('body')]);
   */
  concat(list: readonly Uint8Array[], totalLength?: number): ArenaBuffer;

  /**
   * A zeroed typed array or DataView, aligned for its element.
   *
   * @param ctor - one of the engine's TypedArray constructors, or DataView.
   * @param length - elements; bytes for a DataView.
   * @throws {ERR_INVALID_ARG_TYPE} `ctor` is none of these, or `length` is not a number.
   * @throws {ERR_OUT_OF_RANGE} `length` is out of range.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const samples = arena.allocTyped(Float32Array, 1024); // 4096 bytes
   */
  allocTyped<C extends ViewConstructor>(ctor: C, length: number): TypedView<C>;
}
