// Log pipeline: main reads a log in pieces, worker threads compress them, main writes what comes back in order. Four
// ways for a piece to reach its worker, a fresh process each. See examples/README.md.

import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { aboutMachine } from '../support/report';
import { alignColumns, count } from '../support/table';
import type { Figures, Order } from './play';
import { WAY_NAMES, type WayName } from './ways';

const TITLE = 'log-pipeline: a log read in pieces of 64 KB, compressed by 2 worker threads';
const MIB = 2 ** 20;
const FULL: Order = { bytes: 128 * MIB, workers: 2, fault: false };
const QUICK: Order = { bytes: 4 * MIB, workers: 2, fault: false };

const HELP = `${TITLE}

  --way NAME  only this way: ${WAY_NAMES.join(', ')}; may be given more than once
  --quick     a small run, for tests
  --json      print one JSON object instead of the table
  --fault     spoil one byte on purpose, to see that it is noticed
  --help      print this text

Exit code: 0 if every byte was right, 1 if not or if a run failed, 2 for a bad command line.`;

interface Options {
  way: readonly string[];
  quick: boolean;
  json: boolean;
  fault: boolean;
  help: boolean;
}

function parse(): Options {
  const { values } = parseArgs({
    options: {
      way: { type: 'string', multiple: true, default: [...WAY_NAMES] },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      fault: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const unknown = values.way.find((name) => !WAY_NAMES.includes(name as WayName));
  if (unknown !== undefined) throw new Error(`--way ${unknown}: there are ${WAY_NAMES.join(', ')}`);
  return values;
}

/** @throws if a byte was wrong, with what the process said. */
function play(way: string, order: Order): Figures {
  const args = [require.resolve('./play'), way, JSON.stringify(order)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Figures;
}

function table(rows: readonly Figures[]): string {
  const header = ['', 'MB/s', 'CPU ms/MB', 'GC runs', 'GC ms', 'RSS peak, MB'];
  const body = rows.map(({ way, bytes, ms, costs }) => [
    way,
    count(bytes / 1e3 / ms, 1),
    count(costs.cpuMs / (bytes / 1e6), 2),
    count(costs.gcCount),
    count(costs.gcMs, 1),
    count(costs.rssPeakBytes / 1e6, 1),
  ]);
  return alignColumns([header, ...body]).join('\n');
}

function main(): void {
  let options: Options;
  try {
    options = parse();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 2;
    return;
  }
  if (options.help) {
    console.log(HELP);
    return;
  }
  const order = { ...(options.quick ? QUICK : FULL), fault: options.fault };
  const rows = options.way.map((way) => play(way, order));
  if (options.json) console.log(JSON.stringify({ ok: true, machine: aboutMachine(), rows }));
  else console.log(`${TITLE}\n\n${table(rows)}\n\nevery byte was right`);
}

try {
  main();
} catch {
  process.exitCode = 1; // the process that failed has said why
}
