// Where the service's frames live. The service is written once, against this interface; the two
// rivals differ in nothing else. This file holds the ordinary one; arena-memory.ts the other.

export type Rival = 'arena' | 'buffer';

export const RIVALS: readonly Rival[] = ['arena', 'buffer'];

export interface Memory {
  /** @returns a Buffer of exactly `bytes` bytes with arbitrary contents. */
  allocate(bytes: number): Buffer;

  /** Says that nobody, libuv and the kernel included, uses `buffer` any more. */
  release(buffer: Buffer): void;

  /** @returns statistics in text form, if there are any. */
  report(): string | undefined;

  /** Gives everything back. No Buffer of this memory may be used afterwards. */
  close(): void;
}

/** Buffers from Node itself: releasing is the garbage collector's business. */
export class BufferMemory implements Memory {
  allocate(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }

  release(_buffer: Buffer): void {
    // The last reference is about to go away; that is all one can do.
  }

  report(): string | undefined {
    return undefined;
  }

  close(): void {
    // Nothing is owned.
  }
}
