/**
 * Memory metrics: what arenas hold, what they gave back, and what they asked the system for.
 */
import type { ArenaStats, HeapTotals } from '../stats/types';
import { type Emit, type Metric, byClass } from './metric';

function superslabStates({ superslabs }: ArenaStats, emit: Emit): void {
  for (const state of ['hot', 'draining', 'free'] as const) emit({ state }, superslabs[state]);
}

function osCalls({ os }: HeapTotals, emit: Emit): void {
  emit({ call: 'map', result: 'ok' }, os.map);
  emit({ call: 'map', result: 'failed' }, os.mapFailed);
  emit({ call: 'unmap', result: 'ok' }, os.unmap);
  emit({ call: 'unmap', result: 'failed' }, os.unmapFailed);
  emit({ call: 'map_metadata', result: 'ok' }, os.mapMetadata);
  emit({ call: 'unmap_metadata', result: 'ok' }, os.unmapMetadata);
  emit({ call: 'purge', result: 'ok' }, os.purge);
  emit({ call: 'purge', result: 'failed' }, os.purgeFailed);
  emit({ call: 'purge', result: 'enomem' }, os.purgeEnomem);
}

/** Of arenas and of the process, in the order of the documentation. */
export const MEMORY_METRICS: readonly Metric[] = [
  {
    name: 'in_use_bytes',
    otel: 'memory.in_use',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes requested by live allocations.',
    labels: ['arena', 'size_class'],
    arena: byClass((row, emit) => emit(row.liveBytes)),
  },
  {
    name: 'block_bytes',
    otel: 'memory.blocks',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes of the blocks that live allocations take; what exceeds in_use_bytes is rounding.',
    labels: ['arena', 'size_class'],
    arena: byClass((row, emit) => emit(row.blockBytes)),
  },
  {
    name: 'superslabs',
    otel: 'superslabs',
    kind: 'amount',
    unit: '{superslab}',
    help: 'SuperSlabs of 2 MB and huge mappings. State hot: new slabs come from it; draining: it is to become empty; free: held by an arena without use; cached: kept by the process for any arena.',
    labels: ['arena', 'state'],
    arena: superslabStates,
    heap: ({ superslabs }, emit) => emit({ state: 'cached' }, superslabs.cached),
  },
  {
    name: 'superslabs_released_total',
    otel: 'superslabs.released',
    kind: 'counter',
    unit: '{superslab}',
    help: 'SuperSlabs and huge mappings that an arena gave up, to the cache of the process.',
    labels: ['arena'],
    arena: ({ superslabs }, emit) => emit({}, superslabs.released),
  },
  {
    name: 'mapped_bytes',
    otel: 'memory.mapped',
    kind: 'amount',
    unit: 'By',
    help: 'Address space of all arenas, of the cache and of metadata; untouched pages of it cost no memory.',
    labels: [],
    heap: ({ bytes }, emit) => emit({}, bytes.mapped),
  },
  {
    name: 'committed_bytes',
    otel: 'memory.committed',
    kind: 'amount',
    unit: 'By',
    help: 'Address space of the SuperSlabs and huge mappings that an arena holds.',
    labels: ['arena'],
    arena: ({ bytes }, emit) => emit({}, bytes.committed),
  },
  {
    name: 'used_bytes',
    otel: 'memory.used',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes of slabs, runs and huge mappings in use: what maxBytes limits.',
    labels: ['arena'],
    arena: ({ bytes }, emit) => emit({}, bytes.used),
  },
  {
    name: 'limit_bytes',
    otel: 'memory.limit',
    kind: 'amount',
    unit: 'By',
    help: 'The maxBytes of arenas that have one: how far used_bytes may go.',
    labels: ['arena'],
    arena: ({ maxBytes }, emit) => (maxBytes > 0 ? emit({}, maxBytes) : undefined),
  },
  {
    name: 'pinned_bytes',
    otel: 'memory.pinned',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes kept alive by holders after a reset or destroy.',
    labels: ['arena'],
    arena: ({ bytes }, emit) => emit({}, bytes.pinned),
  },
  {
    name: 'given_away_bytes',
    otel: 'memory.given_away',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes of slabs whose ArrayBuffer somebody has taken away, until they let go of it.',
    labels: ['arena'],
    arena: ({ bytes }, emit) => emit({}, bytes.givenAway),
  },
  {
    name: 'metadata_bytes',
    otel: 'memory.metadata',
    kind: 'amount',
    unit: 'By',
    help: 'Address space of what arenas are, beside their SuperSlabs: records and counters.',
    labels: [],
    heap: ({ bytes }, emit) => emit({}, bytes.metadata),
  },
  {
    name: 'dirty_bytes',
    otel: 'memory.dirty',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes of slabs of no class whose pages may be there: what is to go back by itself.',
    labels: ['arena'],
    arena: ({ bytes }, emit) => emit({}, bytes.dirty),
  },
  {
    name: 'decayed_bytes_total',
    otel: 'memory.decayed',
    kind: 'counter',
    unit: 'By',
    help: 'Bytes of pages that went back to the operating system by themselves, because nobody needed them.',
    labels: ['arena'],
    arena: ({ decay }, emit) => emit({}, decay.decayedBytes),
  },
  {
    name: 'purged_bytes_total',
    otel: 'memory.purged',
    kind: 'counter',
    unit: 'By',
    help: 'Bytes of all pages that went back to the operating system for an arena, by a trim too.',
    labels: ['arena'],
    arena: ({ decay }, emit) => emit({}, decay.purgedBytes),
  },
  {
    name: 'retaken_bytes_total',
    otel: 'memory.retaken',
    kind: 'counter',
    unit: 'By',
    help: 'Bytes of pages that were given back and then needed again.',
    labels: ['arena'],
    arena: ({ decay }, emit) => emit({}, decay.retakenBytes),
  },
  {
    name: 'decay_right_share',
    otel: 'decay.right_share',
    kind: 'level',
    unit: '1',
    help: 'Part of the purged bytes of all arenas that nobody has needed since, 0 to 1.',
    labels: [],
    heap: ({ decay }, emit) => emit({}, decay.rightShare),
  },
  {
    name: 'decay_epochs_total',
    otel: 'decay.epochs',
    kind: 'counter',
    unit: '{epoch}',
    help: 'Sixths of the purge delay that went by, at whose ends it is decided what is worth keeping.',
    labels: ['arena'],
    arena: ({ decay }, emit) => emit({}, decay.epochs),
  },
  {
    name: 'decay_seconds_total',
    otel: 'decay.time',
    kind: 'counter',
    unit: 's',
    help: 'Time of turns in which pages went back by themselves.',
    labels: ['arena'],
    arena: ({ decay }, emit) => emit({}, decay.ms / 1000),
  },
  {
    name: 'retries_total',
    otel: 'retries',
    kind: 'counter',
    unit: '{retry}',
    help: 'Requests that were served after the arena had given back what it kept: no failures, but near one.',
    labels: ['arena'],
    arena: ({ failures }, emit) => emit({}, failures.retried),
  },
  {
    name: 'os_calls_total',
    otel: 'os_calls',
    kind: 'counter',
    unit: '{call}',
    help: 'Calls to the operating system. Result enomem: a purge refused because the process has too many mappings.',
    labels: ['call', 'result'],
    heap: osCalls,
  },
  {
    name: 'purge_seconds_total',
    otel: 'purge.time',
    kind: 'counter',
    unit: 's',
    help: 'Time of all calls that give pages back.',
    labels: [],
    heap: ({ os }, emit) => emit({}, os.purgeMs / 1000),
  },
  {
    name: 'cache_requests_total',
    otel: 'cache_requests',
    kind: 'counter',
    unit: '{request}',
    help: 'SuperSlabs and huge mappings asked of the cache of the process; result hit: it had one.',
    labels: ['result'],
    heap: ({ cache }, emit) => {
      emit({ result: 'hit' }, cache.hits);
      emit({ result: 'miss' }, cache.misses);
    },
  },
  {
    name: 'cache_evictions_total',
    otel: 'cache_evictions',
    kind: 'counter',
    unit: '{superslab}',
    help: 'SuperSlabs that the cache gave back to the operating system: beyond its limits by count or bytes, or by age.',
    labels: ['reason'],
    heap: ({ cache }, emit) => {
      emit({ reason: 'count' }, cache.evictedByCount);
      emit({ reason: 'bytes' }, cache.evictedByBytes);
      emit({ reason: 'age' }, cache.expired);
    },
  },
  {
    name: 'cache_quarantined',
    otel: 'cache_quarantined',
    kind: 'amount',
    unit: '{superslab}',
    help: 'SuperSlabs in the cache that wait, because an operation of the system may still write to them.',
    labels: [],
    heap: ({ cache }, emit) => emit({}, cache.quarantined),
  },
  {
    name: 'arenas_total',
    otel: 'arenas',
    kind: 'counter',
    unit: '{arena}',
    help: 'Arenas created; result kept: with what one that had ended left; new: without.',
    labels: ['result'],
    heap: ({ cache }, emit) => {
      emit({ result: 'kept' }, cache.arenasFromKept);
      emit({ result: 'new' }, Math.max(0, cache.arenas - cache.arenasFromKept));
    },
  },
  {
    name: 'locks_total',
    otel: 'locks',
    kind: 'counter',
    unit: '{lock}',
    help: 'Locks of the core that were taken; result contended: another thread had it, free: nobody.',
    labels: ['result'],
    heap: ({ locks }, emit) => {
      emit({ result: 'free' }, Math.max(0, locks.acquired - locks.contended));
      emit({ result: 'contended' }, locks.contended);
    },
  },
  {
    name: 'purge_disabled',
    otel: 'purge_disabled',
    kind: 'level',
    unit: '1',
    help: '1: the process no longer gives pages back, because the operating system refused.',
    labels: [],
    heap: ({ os }, emit) => emit({}, os.purgeDisabled ? 1 : 0),
  },
];
