/**
 * Flows: what the core counted on the way between its floors, as the public structures.
 */
import { binOffset, processOffset } from '../native/snapshot';
import type {
  CacheStats,
  FrontStats,
  LockStats,
  PageStats,
  StageStats,
  WarmStats,
} from './flow-types';

const STAGE_CURRENT = binOffset('stage_current');
const STAGE_PARTIAL = binOffset('stage_partial');
const STAGE_EMPTY = binOffset('stage_empty');
const STAGE_SLOT = binOffset('stage_slot');
const STAGE_CACHED = binOffset('stage_cached');
const STAGE_OS = binOffset('stage_os');
const BOUND = binOffset('slabs_bound');
const RETIRED = binOffset('slabs_retired');
const EMPTIED = binOffset('slabs_emptied');
const WITHOUT_CURRENT = binOffset('prepared_without_current');
const FROM_PARTIAL = binOffset('prepared_from_partial');
const FROM_EMPTY = binOffset('prepared_from_empty');
const CURRENT_DROPPED = binOffset('current_dropped');
const WARM_HITS = binOffset('warm_hits');
const WARM_MISSES = binOffset('warm_misses');
const PREFILLED = binOffset('prefilled');
const FRONT_CAP = binOffset('front_cap');
const FRONT_BATCH = binOffset('front_batch');
const FRONT_TO_BUCKET = binOffset('front_to_bucket');
const FRONT_TO_STACK = binOffset('front_to_stack');
const FRONT_DROPPED = binOffset('front_dropped');
const FRONT_REFUSED = binOffset('front_refused');

export function readStages(v: Float64Array, at: number): StageStats {
  return {
    current: v[at + STAGE_CURRENT]!,
    partial: v[at + STAGE_PARTIAL]!,
    empty: v[at + STAGE_EMPTY]!,
    slot: v[at + STAGE_SLOT]!,
    cached: v[at + STAGE_CACHED]!,
    os: v[at + STAGE_OS]!,
  };
}

export function readPages(v: Float64Array, at: number): PageStats {
  return {
    bound: v[at + BOUND]!,
    retired: v[at + RETIRED]!,
    emptied: v[at + EMPTIED]!,
    prepareWithCurrentNull: v[at + WITHOUT_CURRENT]!,
    prepareFromPartial: v[at + FROM_PARTIAL]!,
    prepareFromEmpty: v[at + FROM_EMPTY]!,
    currentDroppedToPartial: v[at + CURRENT_DROPPED]!,
  };
}

export function readWarm(v: Float64Array, at: number): WarmStats {
  return {
    hits: v[at + WARM_HITS]!,
    misses: v[at + WARM_MISSES]!,
    prefilled: v[at + PREFILLED]!,
  };
}

export function readFront(v: Float64Array, at: number): FrontStats {
  return {
    cap: v[at + FRONT_CAP]!,
    batch: v[at + FRONT_BATCH]!,
    toBucket: v[at + FRONT_TO_BUCKET]!,
    toStack: v[at + FRONT_TO_STACK]!,
    dropped: v[at + FRONT_DROPPED]!,
    refused: v[at + FRONT_REFUSED]!,
  };
}

const CACHE_HITS = processOffset('superslabs_adopted');
const CACHE_MISSES = processOffset('cache_misses');
const CACHE_EVICTED_COUNT = processOffset('cache_evicted_count');
const CACHE_EVICTED_BYTES = processOffset('cache_evicted_bytes');
const CACHE_EXPIRED = processOffset('cache_expired');
const CACHE_QUARANTINED = processOffset('cache_quarantined');
const ARENAS_CREATED = processOffset('arenas_created');
const ARENAS_FROM_KEPT = processOffset('arenas_from_kept');
const LOCKS_ACQUIRED = processOffset('locks_acquired');
const LOCKS_CONTENDED = processOffset('locks_contended');

export function readCache(v: Float64Array): CacheStats {
  return {
    hits: v[CACHE_HITS]!,
    misses: v[CACHE_MISSES]!,
    evictedByCount: v[CACHE_EVICTED_COUNT]!,
    evictedByBytes: v[CACHE_EVICTED_BYTES]!,
    expired: v[CACHE_EXPIRED]!,
    quarantined: v[CACHE_QUARANTINED]!,
    arenas: v[ARENAS_CREATED]!,
    arenasFromKept: v[ARENAS_FROM_KEPT]!,
  };
}

export function readLocks(v: Float64Array): LockStats {
  return { acquired: v[LOCKS_ACQUIRED]!, contended: v[LOCKS_CONTENDED]! };
}
