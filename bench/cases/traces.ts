// Traces: a million steps over 400 slots, made beforehand; nanoseconds per step, the loop included.

import { type Case, faster, NS_PER_STEP, PEAK_RSS } from '../case';
import * as lengths from '../lengths';
import { BUFFER_RIVALS, makeRival, type RivalName } from '../rivals';
import { effortOf, nsPerStep } from '../timing';
import { makeTrace, noneLive, playTrace, SLOTS } from '../trace';

const STEPS = 1_000_000;
/** Of lengths beyond the classes, where a step of some rivals takes tens of microseconds. */
const STEPS_IF_LARGE = 50_000;
const QUICK_STEPS = 5_000;
const ROUNDS_IN_C = 20;
const { SERVICE_MIX, SMALL } = lengths;
const MID = { min: 1024, max: 31 * 1024 };
const LONGEST_IN_CLASS = 64 * 1024;

interface TraceCase {
  readonly name: string;
  readonly about: string;
  readonly lengthAt: lengths.Lengths;
  /** Longest length in bytes. */
  readonly longest: number;
  readonly rivals?: readonly RivalName[];
  readonly targets?: Readonly<Record<string, number>>;
  /** Shortest and longest, as bench/c takes them; both 0: the service mix. */
  readonly inC?: readonly [min: number, max: number];
}

function traceCase(one: TraceCase): Case {
  const { name, about, lengthAt, longest, inC } = one;
  const stepsInFull = longest > LONGEST_IN_CLASS ? STEPS_IF_LARGE : STEPS;
  const stepsOf = (quick: boolean): number => (quick ? QUICK_STEPS : stepsInFull);
  return {
    name,
    about,
    metrics: [NS_PER_STEP, PEAK_RSS],
    rivals: one.rivals ?? BUFFER_RIVALS,
    targets: faster(one.targets ?? {}),
    play: async (rivalName, quick) => {
      const steps = stepsOf(quick);
      const rival = await makeRival(rivalName, { bytes: SLOTS * longest + 2 ** 20 });
      const trace = makeTrace(lengthAt, steps);
      const live = noneLive();
      const round = (): number => playTrace(trace, live, rival, 0, steps);
      return { ns: nsPerStep(steps, effortOf(quick), round) };
    },
    ...(inC && {
      inC: (quick) => ['trace', stepsOf(quick), quick ? 1 : ROUNDS_IN_C, ...inC] as const,
    }),
  };
}

/** Above what a C program's trace can hold, JavaScript plays alone. */
const LONGEST_IN_C = 65_535;

function fixedCase(bytes: number, targets: Readonly<Record<string, number>> = {}): Case {
  return traceCase({
    name: `fixed-${bytes}`,
    about: `always ${bytes} B`,
    lengthAt: lengths.fixed(bytes),
    longest: bytes,
    targets,
    ...(bytes <= LONGEST_IN_C && { inC: [bytes, bytes] }),
  });
}

/** A way to choose among the 1,009 lengths from 16 to 1024 B. */
function smallCase(
  name: string,
  about: string,
  lengthAt: lengths.Lengths,
  rest: Pick<TraceCase, 'targets' | 'inC'> = {},
): Case {
  return traceCase({
    name,
    about: `16..1024 B: ${about}`,
    lengthAt,
    longest: SMALL.max,
    ...rest,
  });
}

export const mixes: readonly Case[] = [
  traceCase({
    name: 'service-mix',
    about: `${SERVICE_MIX.join(', ')} B`,
    lengthAt: lengths.oneOf(SERVICE_MIX),
    longest: 4096,
    targets: { 'Buffer.allocUnsafe': 8, 'glibc malloc in C': 1.3, 'mimalloc in C': 0.65 },
    inC: [0, 0],
  }),
  smallCase('uniform', 'all 1,009 lengths alike', lengths.uniform(SMALL.min, SMALL.max), {
    targets: { 'Buffer.allocUnsafe': 2.5, 'Buffer.alloc': 15, 'glibc malloc in C': 0.33 },
    inC: [SMALL.min, SMALL.max],
  }),
  traceCase({
    name: 'uniform-mid',
    about: '1..31 KB: all 30,721 lengths alike',
    lengthAt: lengths.uniform(MID.min, MID.max),
    longest: MID.max,
    targets: { 'Buffer.allocUnsafe': 12 },
    inC: [MID.min, MID.max],
  }),
  fixedCase(16),
  fixedCase(256, { 'Buffer.allocUnsafe': 3 }),
  fixedCase(1024),
  fixedCase(8192, { 'Buffer.allocUnsafe': 20 }),
  fixedCase(32768, { 'Buffer.allocUnsafe': 20 }),
  fixedCase(2 ** 20),
];

export const changing: readonly Case[] = [
  smallCase('zipf', 'few lengths often, most seldom', lengths.zipf(SMALL.min, SMALL.max)),
  smallCase('drift', '32 neighbours that move on', lengths.drifting(SMALL.min, SMALL.max)),
  smallCase('bursts', 'another length every 1,000 steps', lengths.bursts(SMALL.min, SMALL.max)),
  smallCase(
    'never-repeated',
    'none again before each of the 1,009 was asked for',
    lengths.cycling(SMALL.min, SMALL.max),
    { targets: { 'Buffer.allocUnsafe': 1.5 } },
  ),
];

export const otherViews: readonly Case[] = [
  traceCase({
    name: 'typed',
    about: 'Float64Arrays of 8, 16, 32, 100, 128 and 512 numbers, zeroed',
    lengthAt: lengths.oneOf([8, 16, 32, 100, 128, 512]),
    longest: 4096,
    rivals: ['arena.allocTyped', 'new Float64Array'],
  }),
  traceCase({
    name: 'zeroed',
    about: `${SERVICE_MIX.join(', ')} B, zeroed`,
    lengthAt: lengths.oneOf(SERVICE_MIX),
    longest: 4096,
    rivals: ['arena.alloc', 'Buffer.alloc', 'new Uint8Array'],
  }),
];

/** The most that counters and checks may cost: 5 % of the time without them. */
const PRICE = { 'arena, unchecked': 1 / 1.05 };

export const priceOfChecks: readonly Case[] = [
  traceCase({
    name: 'checks',
    about: 'the service mix with and without counters and checks',
    lengthAt: lengths.oneOf(SERVICE_MIX),
    longest: 4096,
    rivals: ['arena', 'arena, unchecked'],
    targets: PRICE,
  }),
];
