/**
 * Snapshot: the core's numbers as it writes them, in one buffer that is used again for every reading.
 *
 * The layout is that of csrc/binding/stats.cc: the process's fields; then per arena its number, how many
 * bins follow, its fields, and for each bin its index and fields. Fields are found by name, so one that
 * is added to the core appears here or fails loudly.
 */
import { type NativeArenaInfo, native } from './native';

const { tables, statsRecordMax } = native;

/** Where in a run of fields `name` stands. */
function offsetIn(fields: readonly string[], name: string): number {
  const index = fields.indexOf(name);
  if (index < 0) throw new Error(`the core has no statistic "${name}"`);
  return index;
}

export const processOffset = (name: string): number => offsetIn(tables.processFields, name);
export const arenaOffset = (name: string): number => offsetIn(tables.arenaFields, name);
export const binOffset = (name: string): number => offsetIn(tables.binFields, name);

export const BIN_FIELDS = tables.binFields.length;
const ARENA_FIELDS = tables.arenaFields.length;
const PROCESS_FIELDS = tables.processFields.length;

/** Offsets of a record. */
const SERIAL = 0;
const BIN_COUNT = 1;
const FIELDS = 2;

/** What does not change in the life of an arena, worked out once. */
export interface ArenaIdentity {
  readonly serial: number;
  readonly name: string;
  /** Block size by bin index; 0 for runs and huge mappings. */
  readonly blockSizes: readonly number[];
  /** Row in `tables.rowNames` by bin index. */
  readonly rows: readonly number[];
}

/** Where in the buffer an arena's numbers are. */
export interface ArenaRecord {
  readonly identity: ArenaIdentity;
  /** Of its fields. */
  readonly fieldsAt: number;
  /** Of its first bin: index, then fields. */
  readonly binsAt: number;
  readonly binCount: number;
}

/** Valid until the next reading. */
export interface Snapshot {
  readonly values: Float64Array;
  readonly arenas: readonly ArenaRecord[];
}

let buffer = new Float64Array(PROCESS_FIELDS + 4 * statsRecordMax);
let identities = new Map<number, ArenaIdentity>();

function rowOf(blockSize: number): number {
  return tables.rowSizes.findIndex((size) => blockSize <= size);
}

function identify(serial: number, { name, strides }: NativeArenaInfo): ArenaIdentity {
  const blockSizes = [...strides];
  const rows = strides.map(rowOf);
  while (rows.length <= Math.max(tables.runBin, tables.hugeBin)) {
    const row = rows.length === tables.hugeBin ? 'huge' : 'run';
    blockSizes.push(0);
    rows.push(tables.rowNames.indexOf(row));
  }
  return { serial, name, blockSizes, rows };
}

/** undefined: the arena has ended since its numbers were read. */
function identityOf(serial: number): ArenaIdentity | undefined {
  const known = identities.get(serial);
  if (known !== undefined) return known;
  const info = native.arenaInfo(serial);
  if (info === undefined) return undefined;
  const identity = identify(serial, info);
  identities.set(serial, identity);
  return identity;
}

function recordsIn(values: Float64Array, end: number): ArenaRecord[] {
  const records: ArenaRecord[] = [];
  let at = PROCESS_FIELDS;
  while (at < end) {
    const identity = identityOf(values[at + SERIAL]!);
    const binCount = values[at + BIN_COUNT]!;
    const fieldsAt = at + FIELDS;
    const binsAt = fieldsAt + ARENA_FIELDS;
    if (identity !== undefined) records.push({ identity, fieldsAt, binsAt, binCount });
    at = binsAt + binCount * (1 + BIN_FIELDS);
  }
  return records;
}

/** Identities of ended arenas go when there are too many of them. */
function forgetEnded(records: readonly ArenaRecord[]): void {
  if (identities.size <= 2 * records.length + 16) return;
  identities = new Map(records.map(({ identity }) => [identity.serial, identity]));
}

/** Every arena of the process, oldest first. */
export function readHeap(): Snapshot {
  let end = native.heapStats(buffer);
  while (end < 0) {
    buffer = new Float64Array(-end + statsRecordMax);
    end = native.heapStats(buffer);
  }
  const arenas = recordsIn(buffer, end);
  forgetEnded(arenas);
  return { values: buffer, arenas };
}

/** One arena of this environment. */
export function readArena(id: number): Snapshot {
  const end = native.arenaStats(id, buffer);
  return { values: buffer, arenas: recordsIn(buffer, end) };
}
