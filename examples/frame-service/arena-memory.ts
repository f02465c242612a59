// Frames in an arena. A file of its own, so that the process of the other rival does not even load
// the addon.

import { Arena, formatHeapStats, heapStats } from 'hakmem-arena';
import type { Memory } from './memory';

export class ArenaMemory implements Memory {
  readonly #arena = new Arena({ name: 'frames' });

  allocate(bytes: number): Buffer {
    return this.#arena.allocUnsafe(bytes);
  }

  release(buffer: Buffer): void {
    this.#arena.free(buffer);
  }

  report(): string {
    return formatHeapStats(heapStats());
  }

  /** @throws if a frame was forgotten: the arena knows. */
  close(): void {
    const { live } = this.#arena.stats().bytes;
    this.#arena.destroy();
    if (live !== 0) throw new Error(`${live} bytes of frames were never freed`);
  }
}
