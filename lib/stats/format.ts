/**
 * Format: statistics as text lines, in the form of the allocator this one grew out of.
 */
import { invalidArgType } from '../errors';
import { ownOptions } from '../base/own-options';
import { printable } from '../base/printable';
import type { ArenaStats, HeapStats, HeapTotals } from './types';

function lines(stats: HeapTotals, prefix: string): string[] {
  const out = stats.classes.map(
    (row) =>
      `${prefix}HEAP_STATS[${rowLabel(row.name)}] fast=${row.fast} slow=${row.slow} ` +
      `frees=${row.frees} live=${row.live} live_bytes=${row.liveBytes} ` +
      `front=${row.frontBlocks} free=${row.freeBlocks} slabs=${row.slabs}`,
  );
  const { superslabs, bytes, os, failures } = stats;
  out.push(
    `${prefix}[SS_STATS] live=${superslabs.live} empty=${superslabs.empties} ` +
      `cached=${superslabs.cached} adopted=${superslabs.adopted} detached=${stats.detachedSlabs}`,
    `${prefix}[BYTES] live=${bytes.live} front=${bytes.front} free_in_slab=${bytes.freeInSlab} ` +
      `free_slabs=${bytes.freeSlabs} slack=${bytes.slack} committed=${bytes.committed} ` +
      `cached=${bytes.cached} metadata=${bytes.metadata} mapped=${bytes.mapped} ` +
      `pinned=${bytes.pinned} given_away=${bytes.givenAway}`,
    `${prefix}[FAILURES] os=${failures.os} limit=${failures.limit} retried=${failures.retried} ` +
      `double_free=${failures.doubleFrees} stale_free=${failures.staleFrees} ` +
      `foreign_free=${failures.foreignFrees}`,
    `${prefix}[SS_OS_STATS] alloc=${os.map} free=${os.unmap} madvise=${os.purge} ` +
      `madvise_enomem=${os.purgeEnomem} madvise_other=${os.purgeFailed} ` +
      `madvise_disabled=${os.purgeDisabled ? 1 : 0}`,
  );
  return out.map(printable);
}

/** C0..C7 are numbered in the lines of old; the others keep their names. */
function rowLabel(name: string): string {
  return name.startsWith('C') ? name.slice(1) : name;
}

function isStats(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { arenas, classes, totals } = ownOptions(value) as Partial<HeapStats & ArenaStats>;
  return Array.isArray(classes) || (Array.isArray(arenas) && typeof totals === 'object');
}

function isHeapStats(stats: ArenaStats | HeapStats): stats is HeapStats {
  return Object.hasOwn(stats, 'arenas');
}

/**
 * Statistics as text, one line per class and a few for the rest:
 * `HEAP_STATS[7] fast=11015 slow=1 ...`, `[SS_STATS] ...`, `[SS_OS_STATS] ...`. With several arenas,
 * each has its lines behind `name: `, and the totals come last. Control characters of a name are shown as
 * escapes, like `\\x1b`.
 *
 * @param stats - what `heapStats()` or `arena.stats()` returned.
 * @throws {ERR_INVALID_ARG_TYPE} anything else.
 * @example
 * process.on('SIGUSR2', () => console.error(formatHeapStats(heapStats())));
 */
export function formatHeapStats(stats: ArenaStats | HeapStats): string {
  if (!isStats(stats)) {
    throw invalidArgType('stats', 'the result of heapStats() or arena.stats()', stats);
  }
  if (!isHeapStats(stats)) return lines(stats, '').join('\n');
  const { arenas, totals } = stats;
  const parts = arenas.length > 1 ? arenas.flatMap((arena) => lines(arena, `${arena.name}: `)) : [];
  return [...parts, ...lines(totals, '')].join('\n');
}
