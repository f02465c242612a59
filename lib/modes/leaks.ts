/**
 * Leaks: the list of watched allocations, and the report when the garbage collector takes the view of one that was
 * not freed.
 *
 * The stack of each becomes text soon, because an unread stack keeps the functions in it alive, and through them
 * perhaps the view itself. It does not become text at once, because that may run code of the program (see
 * reports.ts).
 */
import { type NativeArena, countersOf, frontStat } from '../native/native';
import { printable } from '../base/printable';
import {
  LEAK_CHANNEL,
  type Trace,
  later,
  placeOf,
  report,
  takeTrace,
  tell,
  textOf,
} from '../events/reports';
import type { LeakReport, LiveBlock } from '../types';

/** A watched allocation. Nothing in it leads to its view. */
export class Watched {
  readonly size: number;
  readonly #since = performance.now();
  /** The stack until it is text. */
  #trace: Trace | undefined;
  #stack = '';
  tag: string | undefined = undefined;

  constructor(size: number) {
    this.size = size;
    this.#trace = takeTrace();
    later(() => this.stack);
  }

  get stack(): string {
    const trace = this.#trace;
    if (trace !== undefined) this.#stack = textOf(trace);
    this.#trace = undefined;
    return this.#stack;
  }

  /** Forgets the stack, which nobody will ask for. */
  forget(): void {
    this.#trace = undefined;
  }

  describe(): LiveBlock {
    const { size, tag, stack } = this;
    return { size, ageMs: performance.now() - this.#since, tag, stack };
  }
}

/** What the detector tells when a view is garbage. */
export interface Collectable {
  readonly watched: Watched | undefined;
  /** The view is garbage: nobody can release or free it any more. */
  collected(): void;
  /** Gives its block back. false: it is known to be free. */
  reclaim(): boolean;
}

const LEAKED = frontStat('leaked_blocks');

export class LeakDetector {
  readonly #arena: string;
  readonly #counters: Float64Array;
  readonly #reclaims: boolean;
  readonly #live = new Set<Watched>();
  readonly #registry: FinalizationRegistry<Collectable>;

  constructor(core: NativeArena, reclaims: boolean) {
    this.#arena = core.name;
    this.#counters = countersOf(core);
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
    block.watched!.forget();
    this.#registry.unregister(block);
  }

  /** All live allocations that are watched, oldest first. */
  list(): LiveBlock[] {
    return [...this.#live].map((watched) => watched.describe());
  }

  clear(): void {
    this.#live.clear();
    this.#counters[LEAKED] = 0;
  }

  #collected(block: Collectable): void {
    block.collected();
    const watched = block.watched!;
    if (!this.#live.delete(watched)) return;
    if (this.#reclaims && !block.reclaim()) return;
    if (!this.#reclaims) this.#counters[LEAKED]! += 1;
    this.#report(watched);
    tell();
  }

  #report(watched: Watched): void {
    const arena = this.#arena;
    report(() => {
      const message: LeakReport = { arena, reclaimed: this.#reclaims, ...watched.describe() };
      const tag = watched.tag === undefined ? '' : ` (${printable(watched.tag)})`;
      return {
        channel: LEAK_CHANNEL,
        message,
        code: 'HAKMEM_LEAK',
        place: placeOf(message.stack),
        text:
          `A Buffer of ${message.size} bytes${tag} of arena "${printable(arena)}" was dropped without being ` +
          `freed.\nAllocated:\n${message.stack}`,
      };
    });
  }
}
