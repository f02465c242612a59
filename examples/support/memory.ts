// Where an example's Buffers live. A service is written once, against this interface; the two rivals
// differ in nothing else. This file holds the ordinary one; arena-memory.ts the other.

import type { Writable } from 'node:stream';

export type Rival = 'arena' | 'buffer';

export const RIVALS: readonly Rival[] = ['arena', 'buffer'];

export const LABELS: Record<Rival, string> = { arena: 'arena', buffer: 'Buffer.allocUnsafe' };

export interface Memory {
  /** @returns a Buffer of exactly `bytes` bytes with arbitrary contents. */
  allocate(bytes: number): Buffer;

  /** Says that its owner does not use `buffer` any more; who has retained it still may. */
  free(buffer: Buffer): void;

  /** One more user, who may stay longer than the owner. */
  retain(buffer: Buffer): void;

  /** That user is done. */
  release(buffer: Buffer): void;

  /**
   * Writes `buffer`, and frees it when the stream has let go. Errors are the stream's to tell.
   *
   * @returns false: the stream wants no more until it has drained.
   */
  write(stream: Writable, buffer: Buffer): boolean;

  /** @returns statistics in text form, if there are any. */
  report(): string | undefined;

  /** Gives everything back. No Buffer of this memory may be used afterwards. */
  close(): Promise<void>;
}

/** Buffers from Node itself: when they are free again is the garbage collector's business. */
export class BufferMemory implements Memory {
  allocate(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }

  free(_buffer: Buffer): void {
    // The last reference is about to go away; that is all one can do.
  }

  retain(_buffer: Buffer): void {
    // A reference is enough.
  }

  release(_buffer: Buffer): void {
    // As for free.
  }

  write(stream: Writable, buffer: Buffer): boolean {
    return stream.write(buffer);
  }

  report(): string | undefined {
    return undefined;
  }

  close(): Promise<void> {
    return Promise.resolve(); // Nothing is owned.
  }
}

/** Loads the addon only where it is used. */
export async function openMemory(rival: Rival): Promise<Memory> {
  if (rival === 'buffer') return new BufferMemory();
  const { ArenaMemory } = await import('./arena-memory.js');
  return new ArenaMemory();
}
