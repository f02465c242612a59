// Memory: resident memory over time, of every rival on every day. Each plays in a process of its own, with its
// defaults; those in C read the same steps from a pipe. Prints a table, and with --json keeps the samples.
//
//   npm run bench -- --memory [--quick] [--day NAME]... [--rival NAME]... [--delay MS]... [--json FILE] [--no-c]
//
// --delay plays ours once with each such purge delay.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { allCRivals, type CRivals } from '../in-c';
import { aboutRun } from '../report/record';
import { type Day, DAYS, TICK_MS } from './days';
import { memoryPage, type MemoryRecord } from './report';
import { type DayRecord, faultsOf, pointsOf, type Sample, SAMPLE_TICKS } from './samples';

const IN_NODE = ['arena', 'Buffer.allocUnsafe'];
const QUICK_PACE = 0.02;

interface Settings {
  readonly inC: CRivals;
  readonly pace: number;
}

interface Player {
  readonly name: string;
  readonly rival: string;
  readonly delayMs?: string;
}

function playersOf(rival: string, delays: readonly string[]): Player[] {
  const isOurs = rival === 'arena' || rival.startsWith('hakmem');
  if (!isOurs || delays.length === 0) return [{ name: rival, rival }];
  return delays.map((delayMs) => ({ name: `${rival}, ${delayMs} ms`, rival, delayMs }));
}

function start(
  day: Day,
  { rival, delayMs }: Player,
  { inC, pace }: Settings,
): ReturnType<typeof spawn> {
  const program = inC[rival];
  const environment = {
    ...process.env,
    ...(delayMs !== undefined && { HAKMEM_PURGE_DELAY_MS: delayMs }),
  };
  if (program === undefined) {
    const args = [join(__dirname, 'play.js'), day.name, rival, String(pace)];
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    return spawn(process.execPath, args, { env: environment, stdio: [...stdio] });
  }
  const { preload } = program;
  const env = { ...environment, ...(preload !== undefined && { LD_PRELOAD: preload }) };
  const args = ['day', String(TICK_MS), String(SAMPLE_TICKS)];
  const child = spawn(program.program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const bytes = function* (): Generator<Buffer> {
    for (const steps of day.steps(pace)) yield Buffer.from(steps.buffer);
  };
  Readable.from(bytes()).pipe(child.stdin);
  return child;
}

async function playDay(day: Day, player: Player, settings: Settings): Promise<DayRecord> {
  const child = start(day, player, settings);
  const samples: Sample[] = [];
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout! })) {
    samples.push(JSON.parse(line) as Sample);
  }
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`${player.name} ended with ${code} on ${day.name}`);
  return { day: day.name, rival: player.name, points: pointsOf(samples), ...faultsOf(samples) };
}

const startsWithAny = (name: string, starts: readonly string[]): boolean =>
  starts.some((begin) => name.startsWith(begin));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      day: { type: 'string', multiple: true, default: [''] },
      rival: { type: 'string', multiple: true, default: [''] },
      delay: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      'no-c': { type: 'boolean', default: false },
    },
  });
  const inC = values['no-c'] ? {} : await allCRivals();
  const players = [...IN_NODE, ...Object.keys(inC)]
    .filter((name) => startsWithAny(name, values.rival))
    .flatMap((rival) => playersOf(rival, values.delay));
  const pace = values.quick ? QUICK_PACE : 1;
  const records: DayRecord[] = [];
  for (const day of DAYS.filter(({ name }) => startsWithAny(name, values.day))) {
    for (const player of players) records.push(await playDay(day, player, { inC, pace }));
  }
  const command = ['npm run bench -- --memory', ...process.argv.slice(2)].join(' ');
  const record: MemoryRecord = { about: { ...aboutRun(1), command }, records };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(record)}\n`);
  process.stdout.write(`${memoryPage(record)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(
    `bench --memory: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = 1;
});
