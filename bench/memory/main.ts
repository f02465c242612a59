// Memory: resident memory over time, of every rival on every day. Each plays in a process of its own, with its
// defaults; those in C read the same steps from a pipe. Prints a table, and with --json keeps the samples.
//
//   npm run bench -- --memory [--quick] [--day NAME]... [--rival NAME]... [--json FILE] [--no-c]

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
import { type DayRecord, pointsOf, type Sample, SAMPLE_TICKS } from './samples';

const IN_NODE = ['arena', 'Buffer.allocUnsafe'];
const QUICK_PACE = 0.02;

interface Settings {
  readonly inC: CRivals;
  readonly pace: number;
}

function start(day: Day, rival: string, { inC, pace }: Settings): ReturnType<typeof spawn> {
  const program = inC[rival];
  if (program === undefined) {
    const args = [join(__dirname, 'play.js'), day.name, rival, String(pace)];
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }
  const { preload } = program;
  const env = { ...process.env, ...(preload !== undefined && { LD_PRELOAD: preload }) };
  const args = ['day', String(TICK_MS), String(SAMPLE_TICKS)];
  const child = spawn(program.program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const bytes = function* (): Generator<Buffer> {
    for (const steps of day.steps(pace)) yield Buffer.from(steps.buffer);
  };
  Readable.from(bytes()).pipe(child.stdin);
  return child;
}

async function playDay(day: Day, rival: string, settings: Settings): Promise<DayRecord> {
  const child = start(day, rival, settings);
  const samples: Sample[] = [];
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout! })) {
    samples.push(JSON.parse(line) as Sample);
  }
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`${rival} ended with ${code} on ${day.name}`);
  return { day: day.name, rival, points: pointsOf(samples) };
}

const startsWithAny = (name: string, starts: readonly string[]): boolean =>
  starts.some((begin) => name.startsWith(begin));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      day: { type: 'string', multiple: true, default: [''] },
      rival: { type: 'string', multiple: true, default: [''] },
      json: { type: 'string' },
      'no-c': { type: 'boolean', default: false },
    },
  });
  const inC = values['no-c'] ? {} : await allCRivals();
  const rivals = [...IN_NODE, ...Object.keys(inC)].filter((name) =>
    startsWithAny(name, values.rival),
  );
  const pace = values.quick ? QUICK_PACE : 1;
  const records: DayRecord[] = [];
  for (const day of DAYS.filter(({ name }) => startsWithAny(name, values.day))) {
    for (const rival of rivals) records.push(await playDay(day, rival, { inC, pace }));
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
