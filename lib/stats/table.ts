/**
 * Table: statistics for people, short enough for a terminal. What a name holds beside plain text is shown as escapes.
 */
import { printable } from '../base/printable';
import type { StageStats } from './flow-types';

/** What is shown of a class. */
export interface TableRow {
  readonly name: string;
  readonly allocs: number;
  readonly fast: number;
  readonly slow: number;
  readonly live: number;
  readonly liveBytes: number;
  readonly blockBytes: number;
  readonly slabs: number;
  readonly capacity: number;
  readonly stages: StageStats;
}

/** What is shown of an arena. */
export interface TableArena {
  readonly id: number;
  readonly name: string;
  readonly bytes: { readonly live: number; readonly used: number; readonly committed: number };
  readonly classes: readonly TableRow[];
}

/** What is shown of a process. */
export interface TableHeap {
  readonly arenas: readonly TableArena[];
  readonly totals: {
    readonly bytes: { readonly mapped: number };
    readonly classes: readonly TableRow[];
  };
}

/** `1.5 MB`. */
export function bytesText(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const unit = value < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  const rest = value / 1024 ** unit;
  return `${unit === 0 ? String(rest) : rest.toFixed(1)} ${units[unit]!}`;
}

/** `99.98%`; `-`: of nothing. */
export function shareText(part: number, all: number): string {
  return all === 0 ? '-' : `${((100 * part) / all).toFixed(2)}%`;
}

/** The first so many characters, by code points: half of one is not text. */
export function shortText(text: string, length: number): string {
  return Array.from(printable(text)).slice(0, length).join('');
}

const STAGES = ['current', 'partial', 'empty', 'slot', 'cached', 'os'] as const;
const HEADINGS = ['allocs', 'fast', 'live', 'live bytes', 'rounding', 'slabs', ...STAGES];
const WIDTHS = [12, 9, 10, 11, 9, 8, 9, 8, 7, 7, 7, 7];

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(6) + cells.map((cell, i) => cell.padStart(WIDTHS[i]!)).join('');
}

function rowLine(row: TableRow): string {
  return line(row.name, [
    String(row.allocs),
    shareText(row.fast, row.allocs),
    String(row.live),
    bytesText(row.liveBytes),
    shareText(row.blockBytes - row.liveBytes, row.blockBytes),
    String(row.slabs),
    ...STAGES.map((stage) => String(row.stages[stage])),
  ]);
}

/** Classes never used have nothing to say. */
function classLines(classes: readonly TableRow[]): string[] {
  const used = classes.filter(({ allocs, capacity }) => allocs > 0 || capacity > 0);
  return used.length === 0 ? [] : [line('class', HEADINGS), ...used.map(rowLine)];
}

function arenaLine({ id, name, bytes: { live, used, committed } }: TableArena): string {
  const sizes = `${bytesText(live)} live, ${bytesText(used)} in use, ${bytesText(committed)} committed`;
  return `${shortText(name, 40)} (${id}): ${sizes}`;
}

/** An arena: a line, and one for each class that was used, with the stages behind its slow allocations. */
export function arenaTable(arena: TableArena): string {
  return [arenaLine(arena), ...classLines(arena.classes)].join('\n');
}

/** A process: a line for each arena, then the classes of all of them. */
export function heapTable({ arenas, totals }: TableHeap): string {
  const count = arenas.length === 1 ? '1 arena' : `${arenas.length} arenas`;
  const title = `${count}, ${bytesText(totals.bytes.mapped)} mapped`;
  return [title, ...arenas.map(arenaLine), ...classLines(totals.classes)].join('\n');
}
