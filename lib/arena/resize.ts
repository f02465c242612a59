/**
 * Resize: a live view becomes one of another size, in place or by a copy.
 */
import { types } from 'node:util';
import type { Front } from '../front/front';
import { validateSize } from '../options';
import type { ScopeHost } from './scope';
import { Room, ensureStack } from '../base/stack';
import type { ArenaBuffer } from '../types';
import { ARENA, type View } from '../view/view';
import { bytesOf, rangeOf, setBytes } from '../view/kinds';

/** Throws as `Arena.realloc`. The new view belongs to whom the old one did: to a scope, or to nobody. */
export function resize(host: ScopeHost, view: View, size: number): ArenaBuffer {
  const { front } = host;
  const larger = front.moveUp(view, size);
  if (larger !== undefined) return larger as ArenaBuffer;
  if (!front.owns(view)) throw front.refusal(view);
  validateSize(size);
  ensureStack(Room.Call);
  const [begin, end] = rangeOf(view);
  if (end - begin === size && Buffer.isBuffer(view)) return view as ArenaBuffer;
  const resized = front.canResize(view, size)
    ? front.resizeInPlace(view, size)
    : moved(front, view, size, end - begin);
  if (front.ownerOf(resized) !== ARENA) enterScope(host, resized);
  return resized as ArenaBuffer;
}

function moved(front: Front, view: View, size: number, oldSize: number): Buffer {
  const next = front.alloc(size, front.ownerOf(view));
  if (size > 0 && oldSize > 0) {
    // To make a view of the bytes would cost as much as to allocate and free.
    const isWhole = size >= oldSize && types.isUint8Array(view);
    setBytes(next, isWhole ? view : bytesOf(view, Math.min(size, oldSize)));
  }
  front.takeBack(view);
  return next;
}

function enterScope({ scopes, openCount }: ScopeHost, view: Buffer): void {
  for (let i = 0; i < openCount; i++) if (scopes[i]!.takeOver(view)) return;
}
