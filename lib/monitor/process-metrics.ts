/**
 * Process metrics: what there is once for all arenas, of the system, the cache and the locks.
 */
import type { Metric } from './metric';
import { osCalls } from './readings';

const TABLE: readonly Metric[] = [
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

/** In the order of the documentation. */
export const PROCESS_METRICS: readonly Metric[] = [...TABLE];
