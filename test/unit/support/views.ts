/**
 * Views: kinds of views and sizes that many tests go through.
 */
import type { View, ViewConstructor } from '../../../lib/index';

const float16 = (globalThis as Record<string, unknown>)['Float16Array'] as
  ViewConstructor | undefined;

/** Every constructor that `allocTyped` takes; Float16Array where the engine has it. */
export const VIEW_CONSTRUCTORS: readonly ViewConstructor[] = [
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
  ...(float16 === undefined ? [] : [float16]),
];

export function elementBytesOf(constructor: ViewConstructor): number {
  return 'BYTES_PER_ELEMENT' in constructor ? constructor.BYTES_PER_ELEMENT : 1;
}

/** The bytes of a view, not copied. */
export function bytesOf(view: View): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The bytes from a view's start over its whole block. */
export function blockOf(view: View, usableSize: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, usableSize);
}

/** 2^k - 1, 2^k and 2^k + 1 for every k up to `maxLog2`. */
export function powerEdges(maxLog2: number): number[] {
  const sizes = new Set<number>();
  for (let k = 0; k <= maxLog2; k++) for (const d of [-1, 0, 1]) sizes.add(2 ** k + d);
  return [...sizes].filter((size) => size > 0).sort((a, b) => a - b);
}
