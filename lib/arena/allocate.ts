/**
 * Allocate: the ways to get a view that need more than a block: zeroed, filled, copied, typed.
 *
 * Shared by arenas and scopes, which differ only in the owner that they write.
 */
import { types } from 'node:util';
import type { Front } from '../front/front';
import { validateAlignment, validateLength, validateSize } from '../options';
import type { TypedView, ViewConstructor } from '../types';
import { clearBuffer, lengthOf, setBytes, viewMakerFor } from '../view/kinds';
import type { View } from '../view/view';

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

type Fill = string | Uint8Array | number;

const bufferFrom = Buffer.from.bind(Buffer) as (...args: unknown[]) => Buffer;

// Node's own methods. A program may have put others on a Buffer that is recycled.
type Method<R> = (this: Buffer, ...args: never[]) => R;
const { fill, write } = Buffer.prototype as unknown as {
  readonly fill: Method<Buffer>;
  readonly write: Method<number>;
};
const fillBuffer = Function.prototype.call.bind(fill) as (...args: unknown[]) => Buffer;
const writeText = Function.prototype.call.bind(write) as (...args: unknown[]) => number;

export function takeUnsafe(front: Front, size: number, alignment: number, mark: number): Buffer {
  validateAlignment(alignment);
  return front.takeAligned(size, alignment, mark);
}

export function takeFilled(
  front: Front,
  size: number,
  fill: Fill | undefined,
  encoding: BufferEncoding | undefined,
  mark: number,
): Buffer {
  if (fill === undefined || fill === 0) {
    const view = front.take(size, mark);
    if (!front.isZero(size)) clearBuffer(view);
    return view;
  }
  validateSize(size);
  if (size === 0) return front.take(size, mark);
  // An ordinary Buffer of one byte tries the arguments first: what it refuses leaves the arena untouched, and
  // an object's valueOf runs before the view exists.
  const byte = Buffer.alloc(1, fill, encoding)[0]!;
  const pattern = typeof fill === 'string' || ArrayBuffer.isView(fill) ? fill : byte;
  const view = front.take(size, mark);
  try {
    return fillBuffer(view, pattern, 0, size, encoding);
  } catch (error) {
    giveUp(front, view);
    throw error;
  }
}

/** Frees a view that nobody has seen. */
function giveUp(front: Front, view: View): void {
  if (front.owns(view)) front.takeBack(view);
}

export function takeCopy(
  front: Front,
  value: FromValue,
  encodingOrOffset: string | number | undefined,
  length: number | undefined,
  mark: number,
): Buffer {
  if (typeof value === 'string' && isPlainEncoding(encodingOrOffset)) {
    const view = front.take(Buffer.byteLength(value, encodingOrOffset), mark);
    try {
      writeText(view, value, encodingOrOffset);
    } catch (error) {
      giveUp(front, view);
      throw error;
    }
    return view;
  }
  // Node decides what the arguments mean, and throws its own errors, before anything is allocated here.
  const source = types.isUint8Array(value) ? value : bufferFrom(value, encodingOrOffset, length);
  const bytes = lengthOf(source);
  const view = front.take(bytes, mark);
  try {
    if (bytes > 0) setBytes(view, source);
  } catch (error) {
    // The source may be shared memory that another thread has grown meanwhile.
    giveUp(front, view);
    throw error;
  }
  return view;
}

export function takeTyped<C extends ViewConstructor>(
  front: Front,
  constructor: C,
  length: number,
  mark: number,
): TypedView<C> {
  const maker = viewMakerFor(constructor);
  validateLength(length, maker.elementBytes);
  const bytes = length * maker.elementBytes;
  const view: View = front.takeView(maker, bytes, mark);
  if (!front.isZero(bytes)) maker.clear(view);
  return view as TypedView<C>;
}

/** Encodings whose byteLength is exact, so that the string can be written without a copy between. */
function isPlainEncoding(encoding: unknown): encoding is BufferEncoding | undefined {
  switch (encoding) {
    case undefined:
    case 'utf8':
    case 'utf-8':
    case 'latin1':
    case 'binary':
    case 'ascii':
    case 'ucs2':
    case 'utf16le':
      return true;
    default:
      return false;
  }
}
