/**
 * Lengths: the histogram of what was requested, which the fronts count in any case.
 */
import { native } from '../native/native';
import { readHeap } from '../native/snapshot';
import type { LengthStats } from './flow-types';

/** Doubles that the core writes for each. */
const FIELDS = 5;

let buffer: Float64Array | undefined;

function add(a: LengthStats | undefined, b: LengthStats): LengthStats {
  if (a === undefined) return b;
  return {
    from: b.from,
    to: b.to,
    allocs: a.allocs + b.allocs,
    live: a.live + b.live,
    liveBytes: a.liveBytes + b.liveBytes,
  };
}

function parse(values: Float64Array): LengthStats[] {
  // Buffers and typed arrays of the same length have a counter each.
  const lengths = new Map<number, LengthStats>();
  for (let at = 0; at < values.length; at += FIELDS) {
    const one: LengthStats = {
      from: values[at]!,
      to: values[at + 1]!,
      allocs: values[at + 2]!,
      live: values[at + 3]!,
      liveBytes: values[at + 4]!,
    };
    const key = one.from === one.to ? one.to : -one.to;
    lengths.set(key, add(lengths.get(key), one));
  }
  return [...lengths.values()].sort((a, b) => a.to - b.to || a.from - b.from);
}

/**
 * Of an arena of any thread, by its number in the process, as they are now; shortest first. They become objects when
 * they are asked for: most readings of statistics are about something else.
 */
export function snapLengths(serial: number): () => readonly LengthStats[] {
  buffer ??= new Float64Array(native.lengthsMax);
  const values = buffer.slice(0, native.arenaLengths(serial, buffer));
  let lengths: readonly LengthStats[] | undefined;
  return () => (lengths ??= parse(values));
}

/** What one arena was asked for, and what it has for that. */
export interface ArenaLengths {
  readonly id: number;
  readonly name: string;
  /** Its block sizes. */
  readonly sizeClasses: readonly number[];
  readonly lengths: readonly LengthStats[];
}

/** Of every arena of the process, oldest first. */
export function readAllLengths(): ArenaLengths[] {
  return readHeap().arenas.map(({ identity: { serial, name, table } }) => ({
    id: serial,
    name,
    sizeClasses: table.blockSizes.filter((size) => size > 0).sort((a, b) => a - b),
    lengths: snapLengths(serial)(),
  }));
}
