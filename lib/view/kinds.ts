/**
 * View makers: one per kind of view an arena can hand out, so that each kind has buckets of its own.
 */
import { invalidArgType } from '../errors';
import type { ViewConstructor } from '../types';
import { FastBuffer, type View } from './view';

export interface ViewMaker<V extends View = View> {
  /** Number of the kind, from 0 on. */
  readonly kind: number;
  /** Bytes of one element. */
  readonly elementBytes: number;
  /** Makes a view of `length` elements at a byte offset. */
  readonly make: (buffer: ArrayBuffer, offset: number, length: number) => V;
  /** false: the memory of a view of `bytes` bytes, more than 0, was detached. May run code of the program. */
  readonly isWhole: (view: View, bytes: number) => boolean;
  /** Zeroes a view. */
  readonly clear: (view: View) => void;
}

/** The fill of typed arrays. That of Buffer would check its arguments first. */
const fillElements = Function.prototype.call.bind(
  // eslint-disable-next-line @typescript-eslint/unbound-method -- bound by `call`
  Uint8Array.prototype.fill,
) as (view: View, value: number | bigint) => View;

/**
 * The engine's own getters say what a view is, whatever properties somebody has put on it. Views of users are only
 * ever measured with these.
 */
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;

function getterOf(prototype: object, name: PropertyKey): (view: unknown) => unknown {
  const descriptor = Reflect.getOwnPropertyDescriptor(prototype, name) as { get: () => unknown };
  return Function.prototype.call.bind(descriptor.get);
}

/** Bytes of a Uint8Array; 0 of a detached one. */
export const lengthOf = getterOf(typedArray, 'length') as (bytes: Uint8Array) => number;

/** Uint8Array's own set. */
export const setBytes = Function.prototype.call.bind(
  // eslint-disable-next-line @typescript-eslint/unbound-method -- bound by `call`
  Uint8Array.prototype.set,
) as (target: Uint8Array, source: Uint8Array, at?: number) => void;

const ofTypedArray = extentGetters(typedArray);
const ofDataView = extentGetters(DataView.prototype);

function extentGetters(prototype: object): {
  readonly buffer: (view: unknown) => ArrayBufferLike;
  readonly offset: (view: unknown) => number;
  readonly bytes: (view: unknown) => number;
} {
  return {
    buffer: getterOf(prototype, 'buffer') as (view: unknown) => ArrayBufferLike,
    offset: getterOf(prototype, 'byteOffset') as (view: unknown) => number,
    bytes: getterOf(prototype, 'byteLength') as (view: unknown) => number,
  };
}

/** Name of a typed array's kind; undefined for a DataView. */
const tagOf = getterOf(typedArray, Symbol.toStringTag) as (view: View) => string | undefined;

const lengthOfArrayBuffer = getterOf(ArrayBuffer.prototype, 'byteLength') as (b: object) => number;

/** Bytes of an ArrayBuffer, 0 of a detached one, whatever properties somebody has put on it. */
export function sizeOf(buffer: ArrayBuffer): number {
  return lengthOfArrayBuffer(buffer);
}

/** Whether the memory of a view that had some was detached. */
export function isGone(view: View): boolean {
  return lengthOfArrayBuffer(bufferOf(view)) === 0;
}

/** A view of the bytes of any view, or of the first `length`. Throws for a DataView whose bytes are gone. */
export function bytesOf(view: View, length?: number): Uint8Array {
  const { buffer, offset, bytes } = tagOf(view) === undefined ? ofDataView : ofTypedArray;
  return new Uint8Array(buffer(view), offset(view), length ?? bytes(view));
}

/** Where a view begins and ends in its ArrayBuffer. Throws as {@link bytesOf}. */
export function rangeOf(view: View): readonly [number, number] {
  const { offset, bytes } = tagOf(view) === undefined ? ofDataView : ofTypedArray;
  const begin = offset(view);
  return [begin, begin + bytes(view)];
}

/** Bytes of any view. Throws as {@link bytesOf}. */
export function bytesIn(view: View): number {
  return (tagOf(view) === undefined ? ofDataView : ofTypedArray).bytes(view);
}

/** A copy of a view, of the same kind, in memory of its own. Throws for a DataView whose bytes are gone. */
export function copyLike(view: View): View {
  const bytes = bytesOf(view);
  if (Buffer.isBuffer(view)) {
    const copy = Buffer.allocUnsafeSlow(lengthOf(bytes));
    setBytes(copy, bytes);
    return copy;
  }
  const { buffer } = new Uint8Array(bytes);
  const { make, elementBytes } = makersByName.get(tagOf(view) ?? DataView.name)!;
  return make(buffer, 0, buffer.byteLength / elementBytes);
}

/** The same, which may share Node's pool with other Buffers, as any `Buffer.from` does. */
export function pooledCopy(view: View): View {
  if (!Buffer.isBuffer(view)) return copyLike(view);
  const copy = Buffer.allocUnsafe(lengthOf(view));
  setBytes(copy, view);
  return copy;
}

/** The ArrayBuffer of any view. */
export function bufferOf(view: View): ArrayBufferLike {
  return (tagOf(view) === undefined ? ofDataView : ofTypedArray).buffer(view);
}

/** Zeroes a Buffer. */
export function clearBuffer(buffer: View): void {
  fillElements(buffer, 0);
}

/** Zeroes an ArrayBuffer, or a part of it, unless it is detached. */
export function clearBytes(buffer: ArrayBuffer, begin = 0, end = sizeOf(buffer)): void {
  if (sizeOf(buffer) !== 0) fillElements(new Uint8Array(buffer, begin, end - begin), 0);
}

/** Zeroes any view, unless it is detached. */
export function clearView(view: View): void {
  if (!isGone(view)) fillElements(bytesOf(view), 0);
}

export const bufferMaker: ViewMaker<Buffer> = {
  kind: 0,
  elementBytes: 1,
  make: (buffer, offset, length) => new FastBuffer(buffer, offset, length),
  isWhole: (view, bytes) => view.byteLength === bytes,
  clear: clearBuffer,
};

type AnyConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => View;

const CONSTRUCTORS: readonly ViewConstructor[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

let lastKind = bufferMaker.kind;

function makerOf(constructor: unknown): ViewMaker {
  const Constructor = constructor as AnyConstructor & { BYTES_PER_ELEMENT?: number };
  return {
    kind: ++lastKind,
    elementBytes: Constructor.BYTES_PER_ELEMENT ?? 1,
    make: (buffer, offset, length) => new Constructor(buffer, offset, length),
    // A detached DataView throws when it is asked for its length.
    isWhole:
      constructor === DataView
        ? (view) => view.buffer.byteLength !== 0
        : (view, bytes) => view.byteLength === bytes,
    clear: clearerOf(constructor),
  };
}

function clearerOf(constructor: unknown): ViewMaker['clear'] {
  if (constructor === DataView) return clearView;
  const zero = constructor === BigInt64Array || constructor === BigUint64Array ? 0n : 0;
  return (view) => {
    fillElements(view, zero);
  };
}

const makers = new Map<unknown, ViewMaker>(CONSTRUCTORS.map((c) => [c, makerOf(c)]));

// Newer engines have one more.
const float16 = (globalThis as Record<string, unknown>)['Float16Array'];
if (float16 !== undefined) makers.set(float16, makerOf(float16));

const makersByName = new Map(
  [...makers].map(([constructor, maker]) => [(constructor as { name: string }).name, maker]),
);

/** The maker of a typed array or DataView constructor; throws for anything else. */
export function viewMakerFor(constructor: unknown): ViewMaker {
  const maker = makers.get(constructor);
  if (maker === undefined) {
    throw invalidArgType('ctor', 'a TypedArray or DataView constructor', constructor);
  }
  return maker;
}
