/**
 * Bench: what an allocation costs on this machine, in an arena and with `Buffer.allocUnsafe`. A trace
 * fills and frees 400 slots; every measurement has a process of its own.
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs, promisify } from 'node:util';
import { nextRandom } from '../base/random';
import { Arena } from '../index';
import { numberOption, UsageError } from './usage';

const SLOTS = 400;
const STEPS = 1_000_000;

/** Lengths of each case, by their number in a trace. */
const CASES: Readonly<Record<string, (random: number) => number>> = {
  '8 lengths, 64 B to 4 KB': (random) => [64, 128, 188, 256, 512, 1316, 1500, 4096][random % 8]!,
  'uniform 16 to 1024 B': (random) => 16 + (random % 1009),
  'always 256 B': () => 256,
  'always 8 KB': () => 8192,
  'uniform 1 to 31 KB': (random) => 1024 + (random % 30_720),
};

const RIVALS = ['arena', 'allocUnsafe'] as const;
type Rival = (typeof RIVALS)[number];

interface Trace {
  readonly slots: Int32Array;
  readonly lengths: Int32Array;
}

function makeTrace(lengthOf: (random: number) => number): Trace {
  const slots = new Int32Array(STEPS);
  const lengths = new Int32Array(STEPS);
  let state = 1_234_567;
  for (let i = 0; i < STEPS; i++) {
    state = nextRandom(state);
    slots[i] = (state >>> 0) % SLOTS;
    lengths[i] = lengthOf((state >>> 9) & 0xffff);
  }
  return { slots, lengths };
}

/** One round on an arena; nanoseconds per step. Its twin below differs in the allocation alone. */
function arenaRound(arena: Arena, { slots, lengths }: Trace): number {
  const live = new Array<Buffer | undefined>(SLOTS).fill(undefined);
  const start = process.hrtime.bigint();
  for (let i = 0; i < STEPS; i++) {
    const old = live[slots[i]!];
    if (old === undefined) {
      const view = arena.allocUnsafe(lengths[i]!);
      view[0] = i;
      live[slots[i]!] = view;
    } else {
      arena.free(old);
      live[slots[i]!] = undefined;
    }
  }
  const time = Number(process.hrtime.bigint() - start);
  for (const view of live) if (view !== undefined) arena.free(view);
  return time / STEPS;
}

function nodeRound({ slots, lengths }: Trace): number {
  const live = new Array<Buffer | undefined>(SLOTS).fill(undefined);
  const start = process.hrtime.bigint();
  for (let i = 0; i < STEPS; i++) {
    if (live[slots[i]!] === undefined) {
      const view = Buffer.allocUnsafe(lengths[i]!);
      view[0] = i;
      live[slots[i]!] = view;
    } else {
      live[slots[i]!] = undefined;
    }
  }
  return Number(process.hrtime.bigint() - start) / STEPS;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** In a process of its own: the median of some rounds, after two that do not count. */
function measureHere(name: string, rival: Rival, rounds: number): number {
  const trace = makeTrace(CASES[name]!);
  const arena = new Arena();
  const round = rival === 'arena' ? () => arenaRound(arena, trace) : () => nodeRound(trace);
  round();
  round();
  const times = Array.from({ length: rounds }, round);
  arena.destroy();
  return median(times);
}

async function measure(name: string, rival: Rival, rounds: number): Promise<number> {
  const args = ['bench', '--case', name, '--rival', rival, '--rounds', String(rounds)];
  const { stdout } = await promisify(execFile)(process.execPath, [
    require.resolve('./main'),
    ...args,
  ]);
  return Number(stdout);
}

async function measureAll(rounds: number): Promise<void> {
  console.log(`Node ${process.version}, ${cpus()[0]?.model ?? process.arch}`);
  console.log(`ns per step, median of ${rounds} rounds of a million steps, ${SLOTS} slots\n`);
  console.log(`${'lengths'.padEnd(26)}${'arena'.padStart(8)}${'allocUnsafe'.padStart(13)}`);
  for (const name of Object.keys(CASES)) {
    const arena = await measure(name, 'arena', rounds);
    const node = await measure(name, 'allocUnsafe', rounds);
    const cells = `${arena.toFixed(1).padStart(8)}${node.toFixed(1).padStart(13)}`;
    console.log(`${name.padEnd(26)}${cells}${`${(node / arena).toFixed(1)}x`.padStart(8)}`);
  }
}

function isRival(text: string | undefined): text is Rival {
  return RIVALS.some((rival) => rival === text);
}

/** `bench`. `--case`, `--rival` and `--rounds` are for its own child processes. */
export async function bench(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      case: { type: 'string' },
      rival: { type: 'string' },
      rounds: { type: 'string' },
    },
  });
  const rounds = numberOption('rounds', values.rounds, values.quick ? 3 : 15, [1, 1000]);
  if (values.case === undefined) {
    await measureAll(rounds);
    return 0;
  }
  if (!Object.hasOwn(CASES, values.case) || !isRival(values.rival)) {
    throw new UsageError('--case and --rival name no measurement');
  }
  console.log(measureHere(values.case, values.rival, rounds));
  return 0;
}
