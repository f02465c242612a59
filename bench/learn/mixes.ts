// Mixes: the lengths that services allocate, by which size classes are learned and judged.

import {
  drifting,
  type Lengths,
  logUniform,
  oneOf,
  SERVICE_MIX,
  SMALL,
  uniform,
  zipf,
} from '../lengths';

export interface Mix {
  readonly name: string;
  readonly lengths: Lengths;
  /** Most that internal waste may be of the bytes asked for. */
  readonly target: number;
  /** What the target holds for: so many learned classes, or all that an arena may have. */
  readonly classes: 16 | 'all';
}

const LENGTH_MAX = 65_536;

/** A TLS record carries up to 16 KB, and 17 bytes around it. */
const TLS_RECORD = 16_401;
const TLS_AROUND = 17;

const within = (length: number): number => Math.max(1, Math.min(LENGTH_MAX, Math.round(length)));

/** Two draws out of one: the halves of a random number. */
const halves = (random: number): readonly [number, number] => [
  (random >>> 16) / 2 ** 16,
  (random & 0xffff) / 2 ** 16,
];

/** Box and Muller's way to a normal distribution; a length is as far from the median as its logarithm. */
function logNormal(median: number, sigma: number): Lengths {
  return (random) => {
    const [a, b] = halves(random);
    const normal = Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b);
    return within(median * Math.exp(sigma * normal));
  };
}

/** What somebody doubles when it is full, behind a header. */
function powersWithHeader(): Lengths {
  return (random) => 2 ** (5 + (random % 11)) + 16 + ((random >>> 8) % 49);
}

/** Three of four records are full; the others are the end of a message. */
function tlsRecords(): Lengths {
  return (random) =>
    (random & 3) !== 0 ? TLS_RECORD : TLS_AROUND + 1 + ((random >>> 2) % (TLS_RECORD - TLS_AROUND));
}

const ODD = [
  90, 127, 238, 301, 423, 530, 682, 915, 1_117, 1_450, 2_250, 2_900, 4_370, 5_800, 7_777, 9_050,
  11_600, 17_500, 23_200, 33_100,
];

export const MIXES: readonly Mix[] = [
  { name: 'Zipf, 16 B to 8 KB', lengths: zipf(16, 8192), target: 0.03, classes: 16 },
  { name: '20 odd lengths, 90 B to 33 KB', lengths: oneOf(ODD), target: 0.03, classes: 16 },
  {
    name: 'drifting, 32 lengths at a time',
    lengths: drifting(16, 8192),
    target: 0.03,
    classes: 16,
  },
  { name: 'service mix', lengths: oneOf(SERVICE_MIX), target: 0.05, classes: 'all' },
  {
    name: 'uniform, 16 to 1,024 B',
    lengths: uniform(SMALL.min, SMALL.max),
    target: 0.05,
    classes: 'all',
  },
  { name: 'uniform, 1 to 31 KB', lengths: uniform(1024, 31 * 1024), target: 0.05, classes: 'all' },
  {
    name: 'log-uniform, 16 B to 64 KB',
    lengths: logUniform(16, LENGTH_MAX),
    target: 0.05,
    classes: 'all',
  },
  { name: 'lognormal, median 2 KB', lengths: logNormal(2048, 1), target: 0.05, classes: 'all' },
  { name: 'powers of two + 16 to 64 B', lengths: powersWithHeader(), target: 0.05, classes: 'all' },
  { name: 'TLS records', lengths: tlsRecords(), target: 0.05, classes: 'all' },
];
