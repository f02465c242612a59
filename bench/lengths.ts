// Lengths: which length each step of a trace asks for.

import { nextRandom, shuffled } from './random';

/** The length at a step: `random` is new for every step, `part` runs from 0 to 1 over the trace. */
export type Lengths = (random: number, step: number, part: number) => number;

/** Lengths of a service that speaks a binary protocol over TCP and UDP. */
export const SERVICE_MIX = [64, 128, 188, 256, 512, 1316, 1500, 4096];

/** 1,009 lengths: more than any service repeats, few enough to come back. */
export const SMALL = { min: 16, max: 1024 };

export const fixed =
  (bytes: number): Lengths =>
  () =>
    bytes;

export const oneOf =
  (lengths: readonly number[]): Lengths =>
  (random) =>
    lengths[random % lengths.length]!;

export const uniform =
  (min: number, max: number): Lengths =>
  (random) =>
    min + (random % (max - min + 1));

/** As likely in each doubling: small ones often, large ones seldom. */
export const logUniform =
  (min: number, max: number): Lengths =>
  (random) =>
    Math.round(min * (max / min) ** (random / 2 ** 32));

/** The k-th most frequent of all lengths 1/k times as often as the first; which one that is, is shuffled. */
export function zipf(min: number, max: number): Lengths {
  const lengths = shuffled(min, max);
  const cumulated: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= lengths.length; rank++) cumulated.push((sum += 1 / rank));
  return (random) => {
    const at = (random / 2 ** 32) * sum;
    return lengths[cumulated.findIndex((bound) => at < bound)]!;
  };
}

/** 32 neighbouring lengths, which move from `min` to `max` and back over the trace. */
export function drifting(min: number, max: number): Lengths {
  const width = 32;
  return (random, _step, part) => {
    const there = 1 - Math.abs(2 * part - 1);
    return min + Math.floor(there * (max - min - width)) + (random % width);
  };
}

/** One length for 1,000 steps, then another. */
export function bursts(min: number, max: number): Lengths {
  return (_random, step) => min + (nextRandom(1 + Math.floor(step / 1000)) % (max - min + 1));
}

/** Every length once, in a shuffled order, then all again: none comes back before all others were there. */
export function cycling(min: number, max: number): Lengths {
  const lengths = shuffled(min, max);
  return (_random, step) => lengths[step % lengths.length]!;
}
