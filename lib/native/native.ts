/**
 * Native: the backend's entries, and what is worked out of them once.
 *
 * Functions return a result >= 0, or a negated status of the core.
 */
import type { BackendInfo } from '../base/backend-info';
import { chooseBackend } from './backend';
import type { Native, NativeArena, NativeStatus } from './entries';
import { markMoved } from './mover';

export type * from './entries';

/** What was chosen, once for this environment. */
export const backend = chooseBackend();

/** What users see of it. */
export const backendInfo: BackendInfo = { name: backend.name, reason: backend.reason };

export const native: Native = backend.native;

/** Marks a slab's ArrayBuffer before it is handed out. One that the engine owns has to stay movable. */
export const markExposed: (buffer: ArrayBuffer) => void =
  backend.name === 'native' ? markMoved : () => undefined;

function resultFor(name: string): number {
  return -native.tables.statuses.find((status) => status.name === name)!.value;
}

/** The result that stands for "the operating system has no more memory". */
export const OUT_OF_MEMORY_OS = resultFor('OUT_OF_MEMORY_OS');

/** The result of `expose` for a slab whose bytes somebody else has. */
export const SLAB_BUSY = resultFor('SLAB_BUSY');

const statusByValue = new Map(native.tables.statuses.map((status) => [status.value, status]));

/** The status that a negative result stands for. */
export function statusOf(result: number): NativeStatus {
  return statusByValue.get(-result) ?? { name: 'UNKNOWN', value: -result, text: 'unknown status' };
}

/** Options of an arena as the core takes them: by name, in the order of the addon's table. */
export function settingsOf(options: Readonly<Record<string, number>>): Float64Array {
  const { arenaOptions } = native.tables;
  const settings = new Float64Array(arenaOptions.length);
  for (const [i, { name }] of arenaOptions.entries()) settings[i] = options[name] ?? 0;
  return settings;
}

/** Where the front counts a statistic of HK_FRONT_STATS, in doubles of the counters. */
export function frontStat(name: string): number {
  const offset = native.tables.counters.stats[name];
  if (offset === undefined) throw new Error(`the core has no counter ${name}`);
  return offset;
}

/** Where the front says something of bin 0 that is in HK_FRONT_BIN_STATS, in doubles of the counters. */
export function frontBinStat(name: string): number {
  const offset = native.tables.counters.binStats[name];
  if (offset === undefined) throw new Error(`the core has no counter ${name}`);
  return offset;
}

/** The counters of an arena as doubles. */
export function countersOf({ counters, countersAt, countersBytes }: NativeArena): Float64Array {
  return new Float64Array(counters, countersAt, countersBytes && countersBytes / 8);
}

const EXCHANGE_LENGTH = 2048;

function makeExchange(): Int32Array {
  return new Int32Array(native.exchange, native.exchangeAt ?? 0, EXCHANGE_LENGTH);
}

let exchange = makeExchange();

/** The exchange as integers; to be asked for before each call that uses it. */
export function exchangeOf(): Int32Array {
  if (exchange.length === 0) exchange = makeExchange();
  return exchange;
}
