// The main program of an example: the same code on an arena and on Buffer.allocUnsafe, in fresh
// processes, and a table of both.

import { parseArgs } from 'node:util';
import { killAllChildren } from './child';
import { runPair, runProgram, type Scene } from './conduct';
import { RIVALS, type Rival } from './memory';
import type { Plan } from './plan';
import { aboutMachine, formatRuns, type Run } from './report';

const TIMEOUT_MS = 30_000;

export interface Example {
  /** One line: what is measured. */
  title: string;
  /** What is counted, in the singular. */
  unit: string;
  full: Omit<Plan, 'fault'>;
  quick: Omit<Plan, 'fault'>;
}

type RunOnce = (rival: Rival, scene: Scene<Plan>) => Promise<Run>;

const HELP = `  --quick    a small run, for tests
  --runs N   times each side runs, in turns; the table shows medians (1)
  --json     print one JSON object instead of the table
  --fault    spoil one byte on purpose, to see that it is noticed
  --help     print this text

Exit code: 0 if every byte was right, 1 if not or if a run failed, 2 for a bad command line.`;

class UsageError extends Error {}

interface Options {
  quick: boolean;
  runs: number;
  json: boolean;
  fault: boolean;
  help: boolean;
}

function parse(): Options {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        runs: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        fault: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (!/^[1-9]\d?$/.test(values.runs)) throw new Error('--runs takes a whole number, 1..99');
    return { ...values, runs: Number(values.runs) };
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
}

async function runAll(
  folder: string,
  example: Example,
  runOnce: RunOnce,
  options: Options,
): Promise<Run[]> {
  const plan: Plan = { ...(options.quick ? example.quick : example.full), fault: options.fault };
  const expected = plan.operations + plan.warmup;
  const scene: Scene<Plan> = { folder, plan, expected, timeoutMs: TIMEOUT_MS };
  const runs: Run[] = [];
  for (let turn = 0; turn < options.runs; turn++) {
    for (const rival of RIVALS) runs.push(await runOnce(rival, scene));
  }
  return runs;
}

async function main(folder: string, example: Example, runOnce: RunOnce): Promise<void> {
  const options = parse();
  if (options.help) {
    console.log(`${example.title}\n\n${HELP}`);
    return;
  }
  if (!options.json) console.log(`${example.title}\n`);
  const runs = await runAll(folder, example, runOnce, options);
  if (options.json) {
    const { title, unit } = example;
    console.log(JSON.stringify({ ok: true, title, unit, machine: aboutMachine(), runs }, null, 2));
  } else {
    console.log(formatRuns(runs, example.unit));
    console.log('\nevery byte was right');
  }
}

/** Runs the example as the command line says, and sets the exit code. */
function compareRivals(folder: string, example: Example, runOnce: RunOnce): void {
  process.on('exit', killAllChildren);
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  main(folder, example, runOnce).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    for (const line of text.split('\n')) console.error(line);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  });
}

/** An example of two processes: `folder` holds the compiled `service` and `client`. */
export function comparePairs(folder: string, example: Example): void {
  compareRivals(folder, example, runPair);
}

/** An example that is its own client: `folder` holds the compiled `program`. */
export function comparePrograms(folder: string, example: Example): void {
  compareRivals(folder, example, runProgram);
}
