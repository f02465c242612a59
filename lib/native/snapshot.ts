/**
 * Snapshot: the core's numbers as it writes them, in one buffer that is used again for every reading.
 *
 * The layout is that of csrc/binding/stats.cc: the process's fields; then a record per arena: its number,
 * how many bins and rows follow, its fields, for each bin its index and fields, and for each row its index
 * and sums; then a record of number 0, the sums of all. Fields are found by name, so one that is added to
 * the core appears here or fails loudly.
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
const CLASS_CHANGES = arenaOffset('class_changes');

/** Offsets of a record. */
const SERIAL = 0;
const BIN_COUNT = 1;
const ROW_COUNT = 2;
const FIELDS = 3;

/** From one bin, or row, to the next: its index, then its fields. */
export const BIN_STEP = 1 + BIN_FIELDS;

/** Bins by their index; one object for all arenas with the same. */
export interface BinTable {
  /** Block size; 0 for runs and huge mappings. */
  readonly blockSizes: readonly number[];
  /** Row in `tables.rowNames`. */
  readonly rows: readonly number[];
  /** Each is longer than the one before it: no class was added. */
  readonly isAscending: boolean;
}

/** What hardly ever changes in the life of an arena, worked out once for each change. */
export interface ArenaIdentity {
  readonly serial: number;
  readonly name: string;
  readonly table: BinTable;
  /** How often its size classes had changed. */
  readonly changes: number;
}

/** Where in the buffer the numbers of an arena, or their sums, are. */
export interface StatsRecord {
  /** Of its fields. */
  readonly fieldsAt: number;
  /** Of its first bin: index, then fields. */
  readonly binsAt: number;
  /** Of its first row; behind the last bin. */
  readonly rowsAt: number;
  readonly end: number;
}

export interface ArenaRecord extends StatsRecord {
  readonly identity: ArenaIdentity;
}

/** Valid until the next reading. */
export interface Snapshot {
  readonly values: Float64Array;
  readonly arenas: readonly ArenaRecord[];
}

export interface HeapSnapshot extends Snapshot {
  /** Its bins are sums over the arenas with the default classes. */
  readonly totals: StatsRecord;
}

let buffer = new Float64Array(PROCESS_FIELDS + 8 * statsRecordMax);
const processBuffer = new Float64Array(PROCESS_FIELDS);
let identities = new Map<number, ArenaIdentity>();

function rowOf(blockSize: number): number {
  return tables.rowSizes.findIndex((size) => blockSize <= size);
}

function tableOf(strides: readonly number[]): BinTable {
  const blockSizes = [...strides];
  const rows = strides.map(rowOf);
  while (rows.length <= Math.max(tables.runBin, tables.hugeBin)) {
    const row = rows.length === tables.hugeBin ? 'huge' : 'run';
    blockSizes.push(0);
    rows.push(tables.rowNames.indexOf(row));
  }
  const isAscending = strides.every((stride, i) => i === 0 || stride > strides[i - 1]!);
  return { blockSizes, rows, isAscending };
}

export const DEFAULT_TABLE = tableOf(tables.defaultStrides);

function identify({ serial, changes }: Unknown, { name, strides }: NativeArenaInfo): ArenaIdentity {
  return { serial, name, table: strides === undefined ? DEFAULT_TABLE : tableOf(strides), changes };
}

/** An arena whose numbers were read. */
type Unknown = Pick<ArenaIdentity, 'serial' | 'changes'>;

/** What is known of the arena whose numbers begin there. */
function knownAt(at: number): ArenaIdentity | undefined {
  const known = identities.get(buffer[at + SERIAL]!);
  return known?.changes === buffer[at + FIELDS + CLASS_CHANGES] ? known : undefined;
}

function unknownAt(at: number): Unknown {
  return { serial: buffer[at + SERIAL]!, changes: buffer[at + FIELDS + CLASS_CHANGES]! };
}

/** All at once, because asking for one means walking over all arenas of the process. */
function identifyAll(unknown: readonly Unknown[]): void {
  if (unknown.length === 0) return;
  const infos = native.arenaInfos(Float64Array.from(unknown, ({ serial }) => serial));
  unknown.forEach((one, i) => {
    const info = infos[i];
    if (info !== undefined) identities.set(one.serial, identify(one, info));
  });
}

/** Of the arena whose numbers begin there. undefined: it has ended since they were read. */
function identityAt(at: number): ArenaIdentity | undefined {
  const known = knownAt(at);
  if (known !== undefined) return known;
  const one = unknownAt(at);
  const info = native.arenaInfo(one.serial);
  if (info === undefined) return undefined;
  const identity = identify(one, info);
  identities.set(one.serial, identity);
  return identity;
}

function recordAt(values: Float64Array, at: number): StatsRecord {
  const fieldsAt = at + FIELDS;
  const binsAt = fieldsAt + ARENA_FIELDS;
  const rowsAt = binsAt + values[at + BIN_COUNT]! * BIN_STEP;
  return { fieldsAt, binsAt, rowsAt, end: rowsAt + values[at + ROW_COUNT]! * BIN_STEP };
}

/** Identities of ended arenas go when there are too many of them. */
function forgetEnded(records: readonly ArenaRecord[]): void {
  if (identities.size <= 2 * records.length + 16) return;
  identities = new Map(records.map(({ identity }) => [identity.serial, identity]));
}

function fill(): number {
  let end = native.heapStats(buffer);
  while (end < 0) {
    buffer = new Float64Array(-end + statsRecordMax);
    end = native.heapStats(buffer);
  }
  return end;
}

/** Numbers of the arenas in the buffer that nobody has asked about; they ascend. */
function unknownArenas(end: number): Unknown[] {
  const unknown: Unknown[] = [];
  let record = recordAt(buffer, PROCESS_FIELDS);
  for (
    let at = PROCESS_FIELDS;
    record.end !== end;
    at = record.end, record = recordAt(buffer, at)
  ) {
    if (knownAt(at) === undefined) unknown.push(unknownAt(at));
  }
  return unknown;
}

/** undefined: an arena has ended since its numbers were read, so the totals are not those of the rest. */
function tryReadHeap(): HeapSnapshot | undefined {
  const end = fill();
  identifyAll(unknownArenas(end));
  const arenas: ArenaRecord[] = [];
  for (let at = PROCESS_FIELDS; ;) {
    const record = recordAt(buffer, at);
    if (record.end === end) return { values: buffer, arenas, totals: record };
    const identity = identities.get(buffer[at + SERIAL]!);
    if (identity === undefined) return undefined;
    const { fieldsAt, binsAt, rowsAt } = record;
    arenas.push({ identity, fieldsAt, binsAt, rowsAt, end: record.end });
    at = record.end;
  }
}

/** The process's own fields: as {@link processOffset} says, into an array that is used again. */
export function readProcess(): Float64Array {
  native.processStats(processBuffer);
  return processBuffer;
}

/** Every arena of the process, oldest first. */
export function readHeap(): HeapSnapshot {
  let snapshot = tryReadHeap();
  // Each time is the end of another arena, of one that this environment has not seen before.
  while (snapshot === undefined) snapshot = tryReadHeap();
  forgetEnded(snapshot.arenas);
  return snapshot;
}

/** One arena of this environment. */
export function readArena(id: number): Snapshot {
  native.arenaStats(id, buffer);
  const identity = identityAt(PROCESS_FIELDS)!;
  return { values: buffer, arenas: [{ identity, ...recordAt(buffer, PROCESS_FIELDS) }] };
}
