/**
 * Copy out: bytes of an arena as an ordinary Buffer.
 */
import { types } from 'node:util';
import { HakmemError, invalidArgType } from '../errors';
import type { Front } from '../front/front';
import type { ArenaBuffer } from '../types';
import type { View } from '../view/view';
import { bufferOf, bytesOf, sizeOf } from '../view/kinds';

/** Throws as `Arena.copyOut`. */
export function copyOut(front: Front, view: View): ArenaBuffer {
  if (!ArrayBuffer.isView(view)) {
    throw invalidArgType('view', 'a Buffer, TypedArray or DataView', view);
  }
  const buffer = bufferOf(view);
  const isEmpty = !types.isSharedArrayBuffer(buffer) && sizeOf(buffer) === 0;
  const bytes = isEmpty && !front.owns(view) ? undefined : bytesOrNone(view);
  if (bytes === undefined) throw new HakmemError('ERR_HAKMEM_STALE_VIEW');
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** undefined: a DataView whose bytes are gone. */
function bytesOrNone(view: View): Uint8Array | undefined {
  try {
    return bytesOf(view);
  } catch {
    return undefined;
  }
}
