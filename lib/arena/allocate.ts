/**
 * Allocate: the ways to get a view that need more than a block: zeroed, filled, copied, typed.
 *
 * Shared by arenas and scopes, which differ only in the owner that they write.
 */
import { types } from 'node:util';
import type { Front } from '../front/front';
import { validateAlignment, validateLength, validateSize } from '../options';
import { giveUp } from './give-up';
import { takeText } from './text';
import type { FromValue } from '../roles/allocator';
import type { TypedView, ViewConstructor } from '../types';
import { clearBuffer, lengthOf, setBytes, viewMakerFor } from '../view/kinds';
import type { View } from '../view/view';

type Fill = string | Uint8Array | number;

const bufferFrom = Buffer.from.bind(Buffer) as (...args: unknown[]) => Buffer;

// Node's own: a program may have put another one on a Buffer that is recycled.
const { fill } = Buffer.prototype as unknown as {
  readonly fill: (this: Buffer, ...args: never[]) => Buffer;
};
const fillBuffer = Function.prototype.call.bind(fill) as (...args: unknown[]) => Buffer;

export function takeUnsafe(front: Front, size: number, alignment: number, owner: number): Buffer {
  validateAlignment(alignment);
  return front.allocAligned(size, alignment, owner);
}

export function takeFilled(
  front: Front,
  size: number,
  fill: Fill | undefined,
  encoding: BufferEncoding | undefined,
  owner: number,
): Buffer {
  if (fill === undefined || fill === 0) {
    const view = front.alloc(size, owner);
    if (!front.isZero(size)) clearBuffer(view);
    return view;
  }
  validateSize(size);
  if (size === 0) return front.alloc(size, owner);
  // An ordinary Buffer of one byte tries the arguments first: what it refuses leaves the arena untouched, and
  // an object's valueOf runs before the view exists.
  const byte = Buffer.alloc(1, fill, encoding)[0]!;
  const pattern = typeof fill === 'string' || ArrayBuffer.isView(fill) ? fill : byte;
  const view = front.alloc(size, owner);
  try {
    return fillBuffer(view, pattern, 0, size, encoding);
  } catch (error) {
    giveUp(front, view);
    throw error;
  }
}

export function takeCopy(
  front: Front,
  value: FromValue,
  encodingOrOffset: string | number | undefined,
  length: number | undefined,
  owner: number,
): Buffer {
  if (typeof value === 'string') {
    const view = takeText(front, value, encodingOrOffset, owner);
    if (view !== undefined) return view;
  }
  // Node decides what the arguments mean, and throws its own errors, before anything is allocated here.
  const source = types.isUint8Array(value) ? value : bufferFrom(value, encodingOrOffset, length);
  const bytes = lengthOf(source);
  const view = front.alloc(bytes, owner);
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
  owner: number,
): TypedView<C> {
  const maker = viewMakerFor(constructor);
  validateLength(length, maker.elementBytes);
  const bytes = length * maker.elementBytes;
  const view: View = front.allocView(maker, bytes, owner);
  if (!front.isZero(bytes)) maker.clear(view);
  return view as TypedView<C>;
}
