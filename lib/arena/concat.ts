/**
 * Concat: several Buffers become one, as with `Buffer.concat`.
 */
import { constants } from 'node:buffer';
import { types } from 'node:util';
import type { Front } from '../front/front';
import { giveUp } from './give-up';
import { bytesOf, clearBytes, lengthOf, rangeOf, setBytes } from '../view/kinds';

/** Throws what `Buffer.concat` throws. */
export function takeConcat(
  front: Front,
  list: readonly Uint8Array[],
  totalLength: number | undefined,
  owner: number,
): Buffer {
  const plain = isLength(totalLength) ? sourcesOf(list) : undefined;
  // Node says what it refuses, and makes a Buffer of what is strange and not refused.
  const sources = plain ?? [Buffer.concat(list, totalLength)];
  const sum = sources.reduce((bytes, source) => bytes + lengthOf(source), 0);
  const bytes = plain === undefined ? sum : (totalLength ?? sum);
  const view = front.alloc(bytes, owner);
  try {
    fill(view, bytes, sources);
  } catch (error) {
    // A source may be shared memory that another thread has grown meanwhile.
    giveUp(front, view);
    throw error;
  }
  return view;
}

/** The members of a list, each read once. undefined: it is not a list of Uint8Arrays, or has no members. */
function sourcesOf(list: readonly Uint8Array[]): Uint8Array[] | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const sources: Uint8Array[] = [];
  for (let i = 0; i < list.length; i++) {
    const source: unknown = list[i];
    if (!types.isUint8Array(source)) return undefined;
    sources.push(source);
  }
  return sources;
}

function isLength(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= constants.MAX_LENGTH
  );
}

function fill(view: Buffer, bytes: number, sources: readonly Uint8Array[]): void {
  let at = 0;
  for (const source of sources) {
    const length = lengthOf(source);
    if (length === 0) continue;
    const room = bytes - at;
    if (room === 0) return;
    setBytes(view, length > room ? bytesOf(source, room) : source, at);
    at += Math.min(length, room);
  }
  if (at === bytes) return;
  const [begin, end] = rangeOf(view);
  clearBytes(view.buffer as ArrayBuffer, begin + at, end);
}
