/**
 * Top: the arenas of a service that runs the monitor, in the terminal. Redraws in place, or prints one
 * block after another where the output is not a terminal. What the service says cannot reach the terminal
 * but as plain text.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { StatsReply } from '../monitor';
import type { ArenaStats, ClassStats } from '../stats/types';
import { printable } from '../base/printable';
import { ask, statsUrl } from './remote';
import { numberOption } from './usage';

const CLEAR = '\u001b[H\u001b[J';

function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const unit = value < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  const rest = value / 1024 ** unit;
  return `${unit === 0 ? String(rest) : rest.toFixed(1)} ${units[unit]!}`;
}

function total(rows: readonly ClassStats[], field: 'allocs' | 'fast' | 'frees' | 'live'): number {
  return rows.reduce((sum, row) => sum + row[field], 0);
}

const perSecond = (now: number, before: number, seconds: number): string =>
  seconds > 0 ? Math.max(0, (now - before) / seconds).toFixed(0) : '-';

const HEADINGS = ['allocs/s', 'fast', 'live', 'live bytes', 'committed', 'slabs'];
const WIDTHS = [12, 9, 10, 12, 12, 8];

/** By code points: half of one is not text. */
function short(text: string, length: number): string {
  return Array.from(printable(text)).slice(0, length).join('');
}

function line(name: string, cells: readonly string[]): string {
  const columns = cells.map((cell, i) => cell.padStart(WIDTHS[i]!));
  return short(name, 20).padEnd(20) + columns.join('');
}

function share(fast: number, allocs: number): string {
  return allocs === 0 ? '-' : `${((100 * fast) / allocs).toFixed(2)}%`;
}

function arenaLine(arena: ArenaStats, before: StatsReply | undefined, seconds: number): string {
  const old = before?.stats.arenas.find(({ id }) => id === arena.id);
  const allocs = total(arena.classes, 'allocs');
  const slabs = arena.classes.reduce((sum, row) => sum + row.slabs, 0);
  return line(arena.name, [
    perSecond(allocs, old === undefined ? 0 : total(old.classes, 'allocs'), seconds),
    share(total(arena.classes, 'fast'), allocs),
    String(total(arena.classes, 'live')),
    bytes(arena.bytes.live),
    bytes(arena.bytes.committed),
    String(slabs),
  ]);
}

function classLine(row: ClassStats, old: ClassStats | undefined, seconds: number): string {
  return line(`  ${row.name}`, [
    perSecond(row.allocs, old?.allocs ?? 0, seconds),
    share(row.fast, row.allocs),
    String(row.live),
    bytes(row.liveBytes),
    bytes(row.slabs * 65_536),
    String(row.slabs),
  ]);
}

/** One screen of text, in which nothing but the ends of lines is more than text. */
export function render(now: StatsReply, before: StatsReply | undefined): string {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  const { title, process: info } = now;
  const { arenas, totals } = now.stats;
  const old = before?.stats.totals.classes;
  const used = totals.classes
    .map((row, i) => ({ row, old: old?.[i] }))
    .filter(({ row }) => row.allocs > 0 || row.capacity > 0);
  return [
    `${short(title, 80)}: process ${info.pid}, Node ${short(info.node, 20)}, ` +
      `RSS ${bytes(info.rssBytes)}, mapped ${bytes(totals.bytes.mapped)}`,
    '',
    line('arena', HEADINGS),
    ...arenas.map((arena) => arenaLine(arena, before, seconds)),
    '',
    line('class, all arenas', HEADINGS),
    ...used.map(({ row, old: earlier }) => classLine(row, earlier, seconds)),
    '',
  ]
    .map(printable)
    .join('\n');
}

/** `top`: until it is interrupted, or `--count` times. */
export async function top(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:6464/' },
      interval: { type: 'string' },
      count: { type: 'string' },
    },
  });
  const url = statsUrl(values.url);
  const seconds = numberOption('interval', values.interval, 1, [0.1, 3600]);
  const count = numberOption('count', values.count, Infinity, [1, 1e9]);
  let before: StatsReply | undefined;
  for (let i = 0; i < count; i++) {
    if (i > 0) await sleep(seconds * 1000);
    const now = await ask(url);
    process.stdout.write((process.stdout.isTTY ? CLEAR : '') + `${render(now, before)}\n`);
    before = now;
  }
  return 0;
}
