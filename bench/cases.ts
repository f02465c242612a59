// Cases: what is allocated, in which order. A case is a trace of steps made before the clock starts:
// each step names a slot and a size; an occupied slot is freed, an empty one is filled.

export interface Case {
  readonly name: string;
  readonly description: string;
  /** Slots: blocks live at once, about half of them at any time. */
  readonly slots: number;
  readonly size: (random: number) => number;
}

/** Lengths of a service that speaks a binary protocol over TCP and UDP. */
const SERVICE_MIX = [64, 128, 188, 256, 512, 1316, 1500, 4096];

const SLOTS = 400;

function fixed(bytes: number): Case {
  return {
    name: `fixed-${bytes}`,
    description: `always ${bytes} B`,
    slots: SLOTS,
    size: () => bytes,
  };
}

function uniform(name: string, min: number, max: number): Case {
  return {
    name,
    description: `uniform ${min}..${max} B`,
    slots: SLOTS,
    size: (random) => min + (random % (max - min + 1)),
  };
}

export const CASES: readonly Case[] = [
  {
    name: 'service-mix',
    description: SERVICE_MIX.join(', ') + ' B',
    slots: SLOTS,
    size: (random) => SERVICE_MIX[random % SERVICE_MIX.length]!,
  },
  uniform('uniform-small', 16, 1024),
  uniform('uniform-mid', 1024, 31 * 1024),
  fixed(256),
  fixed(8192),
  fixed(32768),
];

export interface Trace {
  readonly slots: Uint16Array;
  readonly sizes: Int32Array;
}

/** xorshift32 with shifts 13, 17, 5. */
function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

/** The same trace for every rival and every run. */
export function traceOf({ slots, size }: Case, steps: number): Trace {
  const trace = { slots: new Uint16Array(steps), sizes: new Int32Array(steps) };
  let random = 1234567;
  for (let i = 0; i < steps; i++) {
    random = nextRandom(random);
    trace.slots[i] = random % slots;
    random = nextRandom(random);
    trace.sizes[i] = size(random);
  }
  return trace;
}
