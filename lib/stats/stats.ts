/**
 * Statistics: the core's flat numbers as the public structures.
 */
import { noteSuperSlabs } from '../events/events';
import { backendInfo, native } from '../native/native';
import {
  type ArenaRecord,
  DEFAULT_TABLE,
  type HeapSnapshot,
  arenaOffset,
  processOffset,
  readArena,
  readHeap,
} from '../native/snapshot';
import { invalidArgType } from '../errors';
import { ownOptions } from '../base/own-options';
import { mergeClasses, readClasses } from './classes';
import type { CacheStats, LengthStats, LockStats } from './flow-types';
import { readCache, readLocks } from './flows';
import { shownAsArena, shownAsHeap } from './inspect';
import { snapLengths } from './lengths';
import type {
  ArenaStats,
  ByteStats,
  DecayStats,
  FailureStats,
  HeapStats,
  HeapTotals,
  LendingStats,
  OsStats,
  SuperSlabStats,
} from './types';

const { statsVersion } = native.tables;

const OS = {
  map: processOffset('os_map'),
  mapMetadata: processOffset('os_map_metadata'),
  mapFailed: processOffset('os_map_failed'),
  unmap: processOffset('os_unmap'),
  unmapMetadata: processOffset('os_unmap_metadata'),
  unmapFailed: processOffset('os_unmap_failed'),
  purge: processOffset('os_purge'),
  purgeEnomem: processOffset('os_purge_enomem'),
  purgeFailed: processOffset('os_purge_failed'),
  purgedBytes: processOffset('os_purged_bytes'),
  purgeNs: processOffset('os_purge_ns'),
  purgeDisabled: processOffset('os_purge_disabled'),
} as const;

const NOW_NS = processOffset('now_ns');
const CACHED_SUPERSLABS = processOffset('superslabs_cached');
const CACHED_BYTES = processOffset('bytes_cached');
const METADATA_BYTES = processOffset('bytes_metadata');
const PROCESS_MAX = processOffset('bytes_max');
const TICKETS_REFUSED = processOffset('tickets_refused');

const SUPERSLABS_LIVE = arenaOffset('superslabs_live');
const SUPERSLABS_EMPTIES = arenaOffset('superslabs_empties');
const SUPERSLABS_HOT = arenaOffset('superslabs_hot');
const SUPERSLABS_DRAINING = arenaOffset('superslabs_draining');
const SUPERSLABS_RELEASED = arenaOffset('superslabs_released');
const SUPERSLABS_ADOPTED = arenaOffset('superslabs_adopted');
const BYTES_LIVE = arenaOffset('bytes_live');
const BYTES_FRONT = arenaOffset('bytes_front');
const BYTES_AWAY = arenaOffset('bytes_away');
const BYTES_FREE_IN_SLAB = arenaOffset('bytes_free_in_slab');
const BYTES_FREE_SLABS = arenaOffset('bytes_free_slabs');
const BYTES_DIRTY = arenaOffset('bytes_dirty');
const BYTES_SLACK = arenaOffset('bytes_slack');
const BYTES_COMMITTED = arenaOffset('bytes_committed');
const BYTES_PINNED = arenaOffset('bytes_pinned');
const BYTES_GIVEN_AWAY = arenaOffset('bytes_given_away');
const BYTES_METADATA = arenaOffset('bytes_metadata');
const BYTES_USED = arenaOffset('bytes_used');
const BYTES_MAX = arenaOffset('bytes_max');
const FAILURES_OS = arenaOffset('failures_os');
const FAILURES_LIMIT = arenaOffset('failures_limit');
const FAILURES_RETRIED = arenaOffset('failures_retried');
const BYTES_DECAYED = arenaOffset('bytes_decayed');
const BYTES_RETURNED = arenaOffset('bytes_returned');
const BYTES_RETAKEN = arenaOffset('bytes_retaken');
const DECAY_EPOCHS = arenaOffset('decay_epochs');
const DECAY_TURNS = arenaOffset('decay_turns');
const DECAY_NS = arenaOffset('decay_ns');
const DOUBLE_FREES = arenaOffset('double_frees');
const STALE_FREES = arenaOffset('stale_frees');
const FOREIGN_FREES = arenaOffset('foreign_frees');
const DETACHED_SLABS = arenaOffset('detached_slabs');
const LEAKED_BLOCKS = arenaOffset('leaked_blocks');
const LETTERS_OFFERED = arenaOffset('letters_offered');
const LETTERS_ADOPTED = arenaOffset('letters_adopted');
const LETTERS_RECALLED = arenaOffset('letters_recalled');
const LETTERS_REVOKED = arenaOffset('letters_revoked');
const LETTERS_RETURNED = arenaOffset('letters_returned');
const LETTERS_AWAY = arenaOffset('letters_away');

function readOs(v: Float64Array): OsStats {
  return {
    map: v[OS.map]!,
    mapMetadata: v[OS.mapMetadata]!,
    mapFailed: v[OS.mapFailed]!,
    unmap: v[OS.unmap]!,
    unmapMetadata: v[OS.unmapMetadata]!,
    unmapFailed: v[OS.unmapFailed]!,
    purge: v[OS.purge]!,
    purgeEnomem: v[OS.purgeEnomem]!,
    purgeFailed: v[OS.purgeFailed]!,
    purgedBytes: v[OS.purgedBytes]!,
    purgeMs: v[OS.purgeNs]! / 1e6,
    purgeDisabled: v[OS.purgeDisabled] !== 0,
  };
}

function readBytes(v: Float64Array, at: number, metadata: number): ByteStats {
  const committed = v[at + BYTES_COMMITTED]!;
  const cached = v[CACHED_BYTES]!;
  return {
    live: v[at + BYTES_LIVE]!,
    front: v[at + BYTES_FRONT]!,
    away: v[at + BYTES_AWAY]!,
    freeInSlab: v[at + BYTES_FREE_IN_SLAB]!,
    freeSlabs: v[at + BYTES_FREE_SLABS]!,
    dirty: v[at + BYTES_DIRTY]!,
    slack: v[at + BYTES_SLACK]!,
    committed,
    cached,
    metadata,
    mapped: committed + cached + metadata,
    pinned: v[at + BYTES_PINNED]!,
    givenAway: v[at + BYTES_GIVEN_AWAY]!,
    used: v[at + BYTES_USED]!,
  };
}

function readSuperSlabs(v: Float64Array, at: number): SuperSlabStats {
  return {
    live: v[at + SUPERSLABS_LIVE]!,
    hot: v[at + SUPERSLABS_HOT]!,
    draining: v[at + SUPERSLABS_DRAINING]!,
    free: v[at + SUPERSLABS_EMPTIES]!,
    cached: v[CACHED_SUPERSLABS]!,
    empties: v[at + SUPERSLABS_EMPTIES]!,
    adopted: v[at + SUPERSLABS_ADOPTED]!,
    released: v[at + SUPERSLABS_RELEASED]!,
  };
}

function readFailures(v: Float64Array, at: number): FailureStats {
  return {
    os: v[at + FAILURES_OS]!,
    limit: v[at + FAILURES_LIMIT]!,
    retried: v[at + FAILURES_RETRIED]!,
    doubleFrees: v[at + DOUBLE_FREES]!,
    staleFrees: v[at + STALE_FREES]!,
    foreignFrees: v[at + FOREIGN_FREES]!,
  };
}

function readDecay(v: Float64Array, at: number): DecayStats {
  const purgedBytes = v[at + BYTES_RETURNED]!;
  const retakenBytes = v[at + BYTES_RETAKEN]!;
  return {
    decayedBytes: v[at + BYTES_DECAYED]!,
    purgedBytes,
    retakenBytes,
    rightShare: purgedBytes === 0 ? 1 : Math.max(0, 1 - retakenBytes / purgedBytes),
    epochs: v[at + DECAY_EPOCHS]!,
    turns: v[at + DECAY_TURNS]!,
    ms: v[at + DECAY_NS]! / 1e6,
  };
}

function readLending(v: Float64Array, at: number): LendingStats {
  return {
    offered: v[at + LETTERS_OFFERED]!,
    adopted: v[at + LETTERS_ADOPTED]!,
    recalled: v[at + LETTERS_RECALLED]!,
    revoked: v[at + LETTERS_REVOKED]!,
    returned: v[at + LETTERS_RETURNED]!,
    away: v[at + LETTERS_AWAY]!,
    refused: v[TICKETS_REFUSED]!,
  };
}

/** What is the same for every arena. */
interface ProcessParts {
  readonly os: OsStats;
  readonly cache: CacheStats;
  readonly locks: LockStats;
}

function readProcessParts(v: Float64Array): ProcessParts {
  return { os: readOs(v), cache: readCache(v), locks: readLocks(v) };
}

type Lengths = () => readonly LengthStats[];

const noLengths: readonly LengthStats[] = Object.freeze([]);
const NO_LENGTHS: Lengths = () => noLengths;

function readRecord(
  v: Float64Array,
  record: ArenaRecord,
  { os, cache, locks }: ProcessParts,
  lengths: Lengths,
): ArenaStats {
  const at = record.fieldsAt;
  return shownAsArena({
    version: statsVersion,
    id: record.identity.serial,
    name: record.identity.name,
    backend: backendInfo,
    maxBytes: v[at + BYTES_MAX]!,
    classes: readClasses(v, record, record.identity.table),
    superslabs: readSuperSlabs(v, at),
    os,
    cache,
    locks,
    bytes: readBytes(v, at, v[at + BYTES_METADATA]!),
    failures: readFailures(v, at),
    decay: readDecay(v, at),
    lending: readLending(v, at),
    detachedSlabs: v[at + DETACHED_SLABS]!,
    leakedBlocks: v[at + LEAKED_BLOCKS]!,
    get lengths() {
      return lengths();
    },
  });
}

function readTotals(snapshot: HeapSnapshot, { os, cache, locks }: ProcessParts): HeapTotals {
  const { values, arenas, totals } = snapshot;
  const at = totals.fieldsAt;
  const allDefault = arenas.every(({ identity }) => identity.table === DEFAULT_TABLE);
  return {
    maxBytes: values[PROCESS_MAX]!,
    classes: allDefault ? readClasses(values, totals, DEFAULT_TABLE) : mergeClasses(snapshot),
    superslabs: readSuperSlabs(values, at),
    os,
    cache,
    locks,
    bytes: readBytes(values, at, values[METADATA_BYTES]!),
    failures: readFailures(values, at),
    decay: readDecay(values, at),
    lending: readLending(values, at),
    detachedSlabs: values[at + DETACHED_SLABS]!,
    leakedBlocks: values[at + LEAKED_BLOCKS]!,
  };
}

// --- Entries --------------------------------------------------------------------------------------

/** Statistics of one arena of this environment. */
export function arenaStats(id: number): ArenaStats {
  const { values, arenas } = readArena(id);
  const record = arenas[0]!;
  const lengths = snapLengths(record.identity.serial);
  return readRecord(values, record, readProcessParts(values), lengths);
}

/** Bytes in use by an arena: what `maxBytes` limits. */
export function usedBytesOf(id: number): number {
  const { values, arenas } = readArena(id);
  return values[arenas[0]!.fieldsAt + BYTES_USED]!;
}

/**
 * What {@link heapStats} takes.
 *
 * @example
 * const options: HeapStatsOptions = { lengths: true };
 */
export interface HeapStatsOptions {
  /**
   * Whether to read what lengths were requested, too: {@link ArenaStats.lengths}.
   * @default false
   */
  readonly lengths?: boolean;
}

function wantsLengths(options: unknown): boolean {
  if (options === undefined) return false;
  if (typeof options !== 'object' || options === null) {
    throw invalidArgType('options', 'of type object', options);
  }
  const { lengths = false } = ownOptions(options) as { lengths?: unknown };
  if (typeof lengths !== 'boolean') {
    throw invalidArgType('options.lengths', 'of type boolean', lengths);
  }
  return lengths;
}

/**
 * Statistics of every arena of the process, in all threads, read without stopping any of them: each
 * number was true a moment ago, and sums are exact while the arenas are quiet. Counts of allocations
 * and frees never go down from one reading to the next.
 *
 * {@link heapRates} tells what happened between two readings.
 *
 * @throws {ERR_INVALID_ARG_TYPE} `options`, or `options.lengths`, has the wrong type.
 * @example
 * const { live, committed } = heapStats().totals.bytes;
 */
export function heapStats(options?: HeapStatsOptions): HeapStats {
  const withLengths = wantsLengths(options);
  const snapshot = readHeap();
  noteSuperSlabs();
  const { values } = snapshot;
  const parts = readProcessParts(values);
  const lengthsOf = ({ identity }: ArenaRecord): Lengths =>
    withLengths ? snapLengths(identity.serial) : NO_LENGTHS;
  return shownAsHeap({
    version: statsVersion,
    backend: backendInfo,
    atMs: values[NOW_NS]! / 1e6,
    arenas: snapshot.arenas.map((record) => readRecord(values, record, parts, lengthsOf(record))),
    totals: readTotals(snapshot, parts),
  });
}
