/**
 * Inspect: what `console.log` shows of statistics. The numbers are own properties as ever; only how they are shown
 * comes from a prototype.
 */
import { arenaTable, heapTable } from './table';
import type { ArenaStats, HeapStats } from './types';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

const ArenaShown = {
  [INSPECT](this: ArenaStats): string {
    return arenaTable(this);
  },
};

const HeapShown = {
  [INSPECT](this: HeapStats): string {
    return heapTable(this);
  },
};

export function shownAsArena(stats: ArenaStats): ArenaStats {
  return Object.setPrototypeOf(stats, ArenaShown) as ArenaStats;
}

export function shownAsHeap(stats: HeapStats): HeapStats {
  return Object.setPrototypeOf(stats, HeapShown) as HeapStats;
}
