/**
 * Format: statistics as text lines, in the form of the allocator this one grew out of.
 */
import { invalidArgType, invalidArgValue } from '../errors';
import { ownOptions } from '../base/own-options';
import { printable } from '../base/printable';
import { ALL_LINES, type StatsLine, USUAL_LINES, linesOf } from './lines';
import type { ArenaStats, HeapStats, HeapTotals } from './types';

/**
 * What {@link formatHeapStats} takes beside statistics.
 *
 * @example
 * const options: FormatOptions = { lines: ['HEAP_STATS', 'C7_PAGE_STATS', 'WARM', 'TINY_STATS'] };
 */
export interface FormatOptions {
  /**
   * Which lines to print: 'HEAP_STATS', 'TINY_STATS' (stages of each class), 'C7_PAGE_STATS', 'WARM', 'FRONT'
   * (what the front keeps), 'SS_STATS', 'BYTES', 'MEM_STATS' (what each floor holds), 'DECAY' (what went back by itself),
   * 'CACHE_STATS', 'LOCK_STATS', 'FAILURES', 'POLICY' (of arenas of which nothing is said), 'SS_OS_STATS'; or 'all'.
   * @default ['HEAP_STATS', 'SS_STATS', 'BYTES', 'FAILURES', 'SS_OS_STATS']
   */
  readonly lines?: readonly StatsLine[] | 'all';
}

/** What statistics are made of, beside classes. */
const PARTS = [
  'bytes',
  'cache',
  'decay',
  'failures',
  'locks',
  'os',
  'superslabs',
] as const satisfies readonly (keyof HeapTotals)[];

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isStats(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { arenas, classes, totals } = ownOptions(value) as Partial<HeapStats & ArenaStats>;
  if (Array.isArray(arenas)) return arenas.every(isStats) && isStats(totals);
  return Array.isArray(classes) && PARTS.every((part) => isObject((value as HeapTotals)[part]));
}

function isHeapStats(stats: ArenaStats | HeapStats): stats is HeapStats {
  return Object.hasOwn(stats, 'arenas');
}

function isLine(value: unknown): value is StatsLine {
  return ALL_LINES.some((line) => line === value);
}

function kindsOf(options: unknown): readonly StatsLine[] {
  if (options === undefined) return USUAL_LINES;
  if (typeof options !== 'object' || options === null) {
    throw invalidArgType('options', 'of type object', options);
  }
  const { lines } = ownOptions(options) as { lines?: unknown };
  if (lines === undefined) return USUAL_LINES;
  if (lines === 'all') return ALL_LINES;
  if (!Array.isArray(lines)) throw invalidArgType('options.lines', "an array, or 'all'", lines);
  for (const line of lines as unknown[]) {
    if (!isLine(line)) {
      throw invalidArgValue('options.lines', `must be of: ${ALL_LINES.join(', ')}`, line);
    }
  }
  return lines as StatsLine[];
}

/**
 * Statistics as text, one line per class and a few for the rest:
 * `HEAP_STATS[7] fast=11015 slow=1 ...`, `[SS_STATS] ...`, `[SS_OS_STATS] ...`. With several arenas,
 * each has its lines behind `name: `, and the totals come last. Control characters of a name are shown as
 * escapes, like `\\x1b`.
 *
 * @param stats - what `heapStats()` or `arena.stats()` returned.
 * @throws {ERR_INVALID_ARG_TYPE} anything else; `options` of another type.
 * @throws {ERR_INVALID_ARG_VALUE} a line that there is not.
 * @example
 * process.on('SIGUSR2', () => console.error(formatHeapStats(heapStats(), { lines: 'all' })));
 */
export function formatHeapStats(stats: ArenaStats | HeapStats, options?: FormatOptions): string {
  if (!isStats(stats)) {
    throw invalidArgType('stats', 'the result of heapStats() or arena.stats()', stats);
  }
  const kinds = kindsOf(options);
  if (!isHeapStats(stats)) return linesOf(stats, kinds).map(printable).join('\n');
  const { arenas, totals } = stats;
  const named = arenas.length > 1 ? arenas : [];
  const parts = named.flatMap((arena) =>
    linesOf(arena, kinds).map((line) => `${arena.name}: ${line}`),
  );
  return [...parts, ...linesOf(totals, kinds)].map(printable).join('\n');
}
