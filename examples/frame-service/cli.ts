// The command line: flags, their ranges and defaults, and the text of --help.

import { parseArgs } from 'node:util';
import { type Fault, FAULTS, type Reads, READS, type Scenario } from './scenario';
import { type Rival, RIVALS } from '../support/memory';
import { MAX_FRAME_BYTES, MIN_FRAME_BYTES, type MixName, MIXES } from './mix';

/** The command line makes no sense; the message says why, in one line. */
export class UsageError extends Error {}

export interface Options {
  scenario: Scenario;
  rivals: readonly Rival[];
  json: boolean;
  /** Without any progress for so long, a run has failed. */
  timeoutMs: number;
}

const DEFAULT_FRAMES = 1_200_000;
/** Enough for the optimising compiler and the arena to settle. */
const WARMUP_FRAMES = 20_000;
const QUICK_FRAMES = 20_000;
const MAX_FRAMES = 20_000_000;
const MAX_INPUT_BYTES = 512 * 2 ** 20;
const QUICK_INPUT_BYTES = 8 * 2 ** 20;

export const HELP = `Usage: npm run demo -- [options] [path]

A frame service and its client, over TCP on the loopback interface, each in a process of its own.
Runs twice: with frames in an arena, and with frames from Buffer.allocUnsafe. The client sends
<path> (a file, or all files of a folder; default: the running node binary) cut into frames, and
checks every byte of every reply.

  --frames N        frames to measure, going round the input as often as needed (${DEFAULT_FRAMES})
  --window N        frames in flight per connection, 1..4096 (64)
  --connections N   connections, 1..64 (1)
  --keep N          latest requests that the service keeps per connection (0)
  --mix NAME        frame sizes: service (many repeat) or spread (hardly any do) (service)
  --reads HOW       service reads into one buffer of its own, or from 'data' events (buffer)
  --min N, --max N  bounds of the frame sizes in bytes, ${MIN_FRAME_BYTES}..${MAX_FRAME_BYTES}
  --seed N          seed of the sizes (1)
  --rivals WHICH    both, arena or buffer (both)
  --quick           only ${QUICK_FRAMES} frames, from the first 8 MB of the input
  --timeout N       give up after N seconds without progress (30)
  --fault KIND      break something on purpose, to see that it is noticed: digest, crash or hang
  --json            print one JSON object instead of the table
  --help            print this text

Exit code: 0 if every byte was right, 1 if not or if a run failed, 2 for a bad command line.`;

/** @returns undefined when asked for help. @throws {UsageError} */
export function parseCommandLine(args: string[]): Options | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  if (positionals.length > 1) throw new UsageError('only one path, please');

  const number = (name: NumericFlag, fallback: number, min: number, max: number) =>
    wholeNumber(name, values[name], fallback, min, max);
  const frames = number('frames', values.quick ? QUICK_FRAMES : DEFAULT_FRAMES, 1, MAX_FRAMES);
  const minBytes = number('min', MIN_FRAME_BYTES, MIN_FRAME_BYTES, MAX_FRAME_BYTES);
  const maxBytes = number('max', MAX_FRAME_BYTES, MIN_FRAME_BYTES, MAX_FRAME_BYTES);
  if (minBytes > maxBytes) throw new UsageError('--min must not be greater than --max');

  return {
    scenario: {
      path: positionals[0] ?? process.execPath,
      maxInputBytes: values.quick ? QUICK_INPUT_BYTES : MAX_INPUT_BYTES,
      frames,
      warmupFrames: Math.min(WARMUP_FRAMES, frames),
      window: number('window', 64, 1, 4096),
      connections: number('connections', 1, 1, 64),
      keep: number('keep', 0, 0, 1_000_000),
      mix: oneOf<MixName>('mix', values.mix ?? 'service', MIXES),
      minBytes,
      maxBytes,
      seed: number('seed', 1, 0, 2 ** 32 - 1),
      reads: oneOf<Reads>('reads', values.reads ?? 'buffer', READS),
      fault: oneOf<Fault>('fault', values.fault ?? 'none', FAULTS),
    },
    rivals: chooseRivals(values.rivals ?? 'both'),
    json: values.json ?? false,
    timeoutMs: number('timeout', 30, 1, 3600) * 1000,
  };
}

type NumericFlag =
  'frames' | 'window' | 'connections' | 'keep' | 'min' | 'max' | 'seed' | 'timeout';

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        frames: { type: 'string' },
        window: { type: 'string' },
        connections: { type: 'string' },
        keep: { type: 'string' },
        mix: { type: 'string' },
        reads: { type: 'string' },
        min: { type: 'string' },
        max: { type: 'string' },
        seed: { type: 'string' },
        rivals: { type: 'string' },
        quick: { type: 'boolean' },
        timeout: { type: 'string' },
        fault: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const [firstSentence] = (error as Error).message.split(/\. |\n/);
    throw new UsageError(firstSentence);
  }
}

function wholeNumber(
  name: string,
  text: string | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not '${text}'`);
}

function oneOf<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} takes ${choices.join(', ')}, not '${text}'`);
}

function chooseRivals(text: string): readonly Rival[] {
  const choice = oneOf('rivals', text, ['both', ...RIVALS]);
  return choice === 'both' ? RIVALS : [choice];
}
