/**
 * Trace: the flight recorder of an arena, as the core keeps it and as a file for a viewer.
 */
import { invalidArgType } from '../errors';
import { native } from '../native/native';
import type { StageStats } from './flow-types';

/** Doubles that the core writes for each event. */
const FIELDS = 5;

/**
 * Something that happened behind the front of an arena; see {@link ArenaOptions.trace}.
 *
 * @example
 * const misses = arena.trace().filter(({ kind, stage }) => kind === 'refill' && stage === 'os');
 */
export interface TraceEvent {
  /** When: milliseconds on a clock of this machine that never jumps, as {@link HeapStats.atMs}. */
  readonly atMs: number;
  /**
   * 'refill': the front took blocks; 'flush': it gave some back; 'bind', 'retire': a class got or lost a slab; 'purge':
   * pages went back to the operating system; 'adopt', 'map', 'give': a SuperSlab, or a huge mapping, came from the
   * cache, came from the operating system, or went to the cache; 'refuse': a request was refused; 'learn', 'unlearn': a size
   * class was added, or retired.
   */
  readonly kind:
    | 'refill'
    | 'flush'
    | 'bind'
    | 'retire'
    | 'purge'
    | 'adopt'
    | 'map'
    | 'give'
    | 'refuse'
    | 'learn'
    | 'unlearn';
  /** Block size of the class; 0 of runs, of huge mappings, and where there is no class. */
  readonly blockSize: number;
  /** Where the first block of a 'refill', or the slab of a 'bind', was found; '' of all others. */
  readonly stage: keyof StageStats | '';
  /** Blocks of a 'refill' and 'flush', 1 of a 'bind' and 'retire', bytes of the others (of a block of a class that is learned), 0 of a 'refuse'. */
  readonly amount: number;
}

const { eventKinds, stages } = native.tables;
const HAS_STAGE = new Set(['refill', 'bind']);

function eventAt(v: Float64Array, at: number, strides: readonly number[]): TraceEvent {
  const kind = eventKinds[v[at + 1]!] as TraceEvent['kind'];
  const stage = HAS_STAGE.has(kind) ? (stages[v[at + 3]!] as keyof StageStats) : '';
  return {
    atMs: v[at]!,
    kind,
    blockSize: strides[v[at + 2]!] ?? 0,
    stage,
    amount: kind === 'refuse' ? 0 : v[at + 4]!,
  };
}

/** The last events of an arena that keeps at most `max`, oldest first. */
export function readTrace(arena: number, max: number, strides: readonly number[]): TraceEvent[] {
  const values = new Float64Array(max * FIELDS);
  const end = max === 0 ? 0 : native.arenaTrace(arena, values);
  return Array.from({ length: end / FIELDS }, (_, i) => eventAt(values, i * FIELDS, strides));
}

/** One line, as it stands in reports. */
export function traceLine({ atMs, kind, blockSize, stage, amount }: TraceEvent): string {
  return `${atMs.toFixed(3)} ${kind} ${blockSize} ${stage === '' ? '-' : stage} ${amount}`;
}

function isEvent(given: unknown): given is TraceEvent {
  if (typeof given !== 'object' || given === null) return false;
  const { atMs, kind, blockSize, stage, amount } = given as Record<string, unknown>;
  const isText = typeof kind === 'string' && typeof stage === 'string';
  return isText && [atMs, blockSize, amount].every(Number.isFinite);
}

/**
 * Events as the text of a trace file, in the format of Chrome's tracing: open it in https://ui.perfetto.dev or
 * chrome://tracing.
 *
 * @param events - what {@link Arena.trace} returned.
 * @throws {ERR_INVALID_ARG_TYPE} not an array, or one of something else.
 * @example
 * import { writeFileSync } from 'node:fs';
 * const traced = new Arena({ trace: 1000 });
 * traced.free(traced.allocUnsafe(1500));
 * writeFileSync('arena.trace.json', formatTrace(traced.trace()));
 */
export function formatTrace(events: readonly TraceEvent[]): string {
  const given: unknown = events;
  if (!(Array.isArray(given) && given.every(isEvent))) {
    throw invalidArgType('events', 'the result of arena.trace()', given);
  }
  const traceEvents = events.map(({ atMs, kind, blockSize, stage, amount }) => ({
    name: stage === '' ? kind : `${kind} ${stage}`,
    cat: 'hakmem-arena',
    ph: 'i',
    s: 't',
    ts: atMs * 1000,
    pid: process.pid,
    tid: 0,
    args: { blockSize, amount },
  }));
  return JSON.stringify({ traceEvents, displayTimeUnit: 'ns' });
}
