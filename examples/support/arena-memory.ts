// Buffers in an arena. A file of its own, so that the process of the other rival does not even load
// the addon.

import type { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { Arena, formatHeapStats, heapStats } from 'hakmem-arena';
import type { Memory } from './memory';

const MOMENTS = 100;

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

  write(stream: Writable, buffer: Buffer): boolean {
    return this.#arena.writeAndFree(stream, buffer);
  }

  report(): string {
    return formatHeapStats(heapStats());
  }

  /** What a socket had when it closed is free a moment later. @throws if something was forgotten. */
  async close(): Promise<void> {
    let live = this.#live();
    for (let moment = 0; live !== 0 && moment < MOMENTS; moment++) {
      await setTimeout(1);
      live = this.#live();
    }
    this.#arena.destroy();
    if (live !== 0) throw new Error(`${live} bytes were never freed`);
  }
  #live(): number {
    return this.#arena.stats().bytes.live;
  }
}
