/**
 * Leaks: the list of watched allocations, and what to say when the garbage collector takes the view of
 * one that was not freed.
 *
 * The text of a stack is taken at once: an unread stack keeps the functions in it alive, and through them
 * perhaps the view itself.
 */
import { type NativeArena, native } from './native';
import { printable } from './printable';
import { LEAK_CHANNEL, placeOf, report, takeTrace, textOf } from './reports';
import type { LeakReport, LiveBlock } from './types';

/** A watched allocation. Nothing in it leads to its view. */
export class Watched {
  readonly size: number;
  readonly stack: string;
  readonly #since = performance.now();
  tag: string | undefined = undefined;

  constructor(size: number) {
    this.size = size;
    this.stack = textOf(takeTrace());
  }

  describe(): LiveBlock {
    const { size, tag, stack } = this;
    return { size, ageMs: performance.now() - this.#since, tag, stack };
  }
}

/** Whose block is given back when its view is collected. */
export interface Collectable {
  readonly watched: Watched | undefined;
  /** false: it is known to be free. */
  collected(): boolean;
}

const LEAKED = native.tables.counters.leakedBlocks;

export class LeakDetector {
  readonly #arena: string;
  readonly #counters: Float64Array;
  readonly #reclaims: boolean;
  readonly #live = new Set<Watched>();
  readonly #registry: FinalizationRegistry<Collectable>;

  constructor(core: NativeArena, reclaims: boolean) {
    this.#arena = core.name;
    this.#counters = new Float64Array(core.counters);
    this.#reclaims = reclaims;
    this.#registry = new FinalizationRegistry((block) => {
      this.#collected(block);
    });
  }

  watch(view: object, block: Collectable): void {
    this.#live.add(block.watched!);
    this.#registry.register(view, block, block);
  }

  forget(block: Collectable): void {
    this.#live.delete(block.watched!);
    this.#registry.unregister(block);
  }

  /** All live ones, oldest first. */
  list(): LiveBlock[] {
    return [...this.#live].map((watched) => watched.describe());
  }

  clear(): void {
    this.#live.clear();
    this.#counters[LEAKED] = 0;
  }

  #collected(block: Collectable): void {
    const watched = block.watched!;
    if (!this.#live.delete(watched)) return;
    if (this.#reclaims && !block.collected()) return;
    if (!this.#reclaims) this.#counters[LEAKED]! += 1;
    const message: LeakReport = {
      arena: this.#arena,
      reclaimed: this.#reclaims,
      ...watched.describe(),
    };
    const tag = watched.tag === undefined ? '' : ` (${printable(watched.tag)})`;
    report(LEAK_CHANNEL, message, {
      code: 'HAKMEM_LEAK',
      place: placeOf(watched.stack),
      text:
        `A Buffer of ${watched.size} bytes${tag} of arena "${printable(this.#arena)}" was dropped ` +
        `without being freed.\nAllocated:\n${watched.stack}`,
    });
  }
}
