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
import { bytesText, shareText, shortText } from '../stats/table';
import { ask, monitorUrl } from './remote';
import { numberOption } from './usage';

const CLEAR = '\u001b[H\u001b[J';

function total(rows: readonly ClassStats[], field: 'allocs' | 'fast' | 'frees' | 'live'): number {
  return rows.reduce((sum, row) => sum + row[field], 0);
}

const perSecond = (now: number, before: number, seconds: number): string =>
  seconds > 0 ? Math.max(0, (now - before) / seconds).toFixed(0) : '-';

const HEADINGS = ['allocs/s', 'fast', 'live', 'live bytes', 'committed', 'slabs'];
const WIDTHS = [12, 9, 10, 12, 12, 8];

function line(name: string, cells: readonly string[]): string {
  const columns = cells.map((cell, i) => cell.padStart(WIDTHS[i]!));
  return shortText(name, 20).padEnd(20) + columns.join('');
}

function arenaLine(arena: ArenaStats, before: StatsReply | undefined, seconds: number): string {
  const old = before?.stats.arenas.find(({ id }) => id === arena.id);
  const allocs = total(arena.classes, 'allocs');
  const slabs = arena.classes.reduce((sum, row) => sum + row.slabs, 0);
  return line(arena.name, [
    perSecond(allocs, old === undefined ? 0 : total(old.classes, 'allocs'), seconds),
    shareText(total(arena.classes, 'fast'), allocs),
    String(total(arena.classes, 'live')),
    bytesText(arena.bytes.live),
    bytesText(arena.bytes.committed),
    String(slabs),
  ]);
}

function classLine(row: ClassStats, old: ClassStats | undefined, seconds: number): string {
  return line(`  ${row.name}`, [
    perSecond(row.allocs, old?.allocs ?? 0, seconds),
    shareText(row.fast, row.allocs),
    String(row.live),
    bytesText(row.liveBytes),
    bytesText(row.slabs * 65_536),
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
    `${shortText(title, 80)}: process ${info.pid}, Node ${shortText(info.node, 20)}, ` +
      `RSS ${bytesText(info.rssBytes)}, mapped ${bytesText(totals.bytes.mapped)}`,
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
  const url = monitorUrl(values.url, 'stats.json');
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
