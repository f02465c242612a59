// Frame service demo: the same TCP service with its frames in an arena and on Buffer.allocUnsafe.
// See --help, and examples/README.md for what the figures say.
//
//   main ==IPC==> service -> service-connection -> protocol, crc32
//        ==IPC==> client  -> client-connection  -> protocol, plan -> mix, input

import { killAllChildren } from '../support/child';
import { runPair, type Scene } from '../support/conduct';
import { LABELS } from '../support/memory';
import { formatRuns, type Run } from '../support/report';
import { HELP, parseCommandLine, UsageError, type Options } from './cli';
import { InputError, surveyInput } from './input';
import { ProgressLine } from './progress';
import { formatHeading, formatJson } from './report';
import type { Scenario } from './scenario';

async function runAll(options: Options, progress: ProgressLine): Promise<Run[]> {
  const { scenario: plan, timeoutMs } = options;
  const expected = plan.frames + plan.warmupFrames;
  const scene: Scene<Scenario> = { folder: __dirname, plan, expected, timeoutMs };
  const runs: Run[] = [];
  for (const rival of options.rivals) {
    progress.begin(LABELS[rival]);
    runs.push(await runPair(rival, scene, (frames) => progress.update(frames)));
  }
  progress.clear();
  return runs;
}

async function main(): Promise<void> {
  const options = parseCommandLine(process.argv.slice(2));
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  const input = surveyInput(options.scenario.path);
  if (!options.json) console.log(`${formatHeading(options, input)}\n`);
  const terminal = process.stdout.isTTY && !options.json;
  const progress = new ProgressLine(terminal, options.scenario.frames);
  try {
    const runs = await runAll(options, progress);
    console.log(options.json ? formatJson(options, input, runs) : formatRuns(runs, 'frame'));
    if (!options.json) console.log('\nevery byte of every reply was right');
  } finally {
    progress.clear();
  }
}

function complain(error: unknown): void {
  const known = error instanceof UsageError || error instanceof InputError;
  const text = error instanceof Error ? error.message : String(error);
  for (const line of text.split('\n')) console.error(`frame-service: ${line}`);
  process.exitCode = known ? 2 : 1;
}

/** Ends at once, and below the progress line. The exit takes the children with it. */
function stop(exitCode: number): void {
  if (process.stdout.isTTY) process.stdout.write('\n');
  process.exit(exitCode);
}

process.on('exit', killAllChildren);
process.once('SIGINT', () => stop(130));
process.once('SIGTERM', () => stop(143));
main().catch(complain);
