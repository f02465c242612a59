// Buffers in an arena. A file of its own, so that the process of the other rival does not even load
// the addon.

import type { Writable } from 'node:stream';
import { Arena, formatHeapStats, heapStats } from 'hakmem-arena';
import type { Memory } from './memory';

export class ArenaMemory implements Memory {
  readonly #arena = new Arena({ name: 'example' });

  allocate(bytes: number): Buffer {
    return this.#arena.allocUnsafe(bytes);
  }

  free(buffer: Buffer): void {
    this.#arena.free(buffer);
  }

  retain(buffer: Buffer): void {
    this.#arena.retain(buffer);
  }

  release(buffer: Buffer): void {
    this.#arena.release(buffer);
  }

  write(stream: Writable, buffer: Buffer): void {
    this.#arena.writeAndFree(stream, buffer);
  }

  report(): string {
    return formatHeapStats(heapStats());
  }

  /** @throws if something was forgotten: the arena knows. */
  close(): void {
    const { live } = this.#arena.stats().bytes;
    this.#arena.destroy();
    if (live !== 0) throw new Error(`${live} bytes were never freed`);
  }
}
