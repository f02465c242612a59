/**
 * Metrics: what monitoring systems are told about arenas and channels. Names, units and help texts stand here once,
 * for Prometheus and for OpenTelemetry.
 */
import { ownOptions } from '../base/own-options';
import { VERSION } from '../base/version';
import type { ArenaStats } from '../stats/types';
import { CHANNEL_METRICS } from './channel-metrics';
import { MEMORY_METRICS } from './memory-metrics';
import { type Emit, type Metric, byClass } from './metric';

function failureReasons({ failures }: ArenaStats, emit: Emit): void {
  emit({ reason: 'os' }, failures.os);
  emit({ reason: 'limit' }, failures.limit);
  emit({ reason: 'double_free' }, failures.doubleFrees);
  emit({ reason: 'stale_free' }, failures.staleFrees);
  emit({ reason: 'foreign_free' }, failures.foreignFrees);
}

function ticketEvents({ lending }: ArenaStats, emit: Emit): void {
  for (const event of ['offered', 'adopted', 'recalled', 'revoked', 'returned'] as const) {
    emit({ event }, lending[event]);
  }
}

const TABLE: readonly Metric[] = [
  {
    name: 'allocations_total',
    otel: 'allocations',
    kind: 'counter',
    unit: '{allocation}',
    help: 'Allocations; path slow: needed a native call.',
    labels: ['arena', 'size_class', 'path'],
    arena: byClass((row, emit) => {
      emit(row.fast, { path: 'fast' });
      emit(row.slow, { path: 'slow' });
    }),
  },
  {
    name: 'frees_total',
    otel: 'frees',
    kind: 'counter',
    unit: '{free}',
    help: 'Frees; path remote: by another thread than the arena belongs to.',
    labels: ['arena', 'size_class', 'path'],
    arena: byClass((row, emit) => {
      emit(row.local, { path: 'local' });
      emit(row.remote, { path: 'remote' });
    }),
  },
  {
    name: 'slow_allocations_total',
    otel: 'slow_allocations',
    kind: 'counter',
    unit: '{allocation}',
    help: 'Slow allocations by where the core found their block: stage current, partial, empty: a slab of the class; slot: an unused slab of the arena; cached: a SuperSlab of the cache; os: the operating system.',
    labels: ['arena', 'size_class', 'stage'],
    arena: byClass(({ stages }, emit) => {
      for (const [stage, count] of Object.entries(stages) as [string, number][])
        emit(count, { stage });
    }),
  },
  {
    name: 'refills_total',
    otel: 'refills',
    kind: 'counter',
    unit: '{batch}',
    help: 'Batches of blocks that the front took from the core.',
    labels: ['arena', 'size_class'],
    arena: byClass((row, emit) => emit(row.refills)),
  },
  {
    name: 'flushes_total',
    otel: 'flushes',
    kind: 'counter',
    unit: '{batch}',
    help: 'Batches of blocks that the front gave back to the core.',
    labels: ['arena', 'size_class'],
    arena: byClass((row, emit) => emit(row.flushes)),
  },
  {
    name: 'slabs_total',
    otel: 'slabs',
    kind: 'counter',
    unit: '{slab}',
    help: 'Slabs of 64 KB; event bound: a class got one; retired: one left it.',
    labels: ['arena', 'size_class', 'event'],
    arena: byClass(({ pages }, emit) => {
      emit(pages.bound, { event: 'bound' });
      emit(pages.retired, { event: 'retired' });
    }),
  },
  {
    name: 'partial_slabs',
    otel: 'partial_slabs',
    kind: 'amount',
    unit: '{slab}',
    help: 'Slabs with some blocks out and some free, beside those that blocks are taken from.',
    labels: ['arena', 'size_class'],
    arena: byClass((row, emit) => emit(row.partialSlabs)),
  },
  {
    name: 'high_water_blocks',
    otel: 'high_water',
    kind: 'level',
    unit: '{block}',
    help: 'Most blocks that were ever out of the core at once.',
    labels: ['arena', 'size_class'],
    arena: byClass((row, emit) => emit(row.highWater)),
  },
  ...MEMORY_METRICS,
  {
    name: 'failures_total',
    otel: 'failures',
    kind: 'counter',
    unit: '{failure}',
    help: 'Requests refused by the operating system or by maxBytes, and double frees that reached the core.',
    labels: ['arena', 'reason'],
    arena: failureReasons,
  },
  {
    name: 'detached_slabs_total',
    otel: 'detached_slabs',
    kind: 'counter',
    unit: '{slab}',
    help: 'Slabs whose ArrayBuffer was detached by a transfer or a byte stream.',
    labels: ['arena'],
    arena: ({ detachedSlabs }, emit) => emit({}, detachedSlabs),
  },
  {
    name: 'leaked_blocks',
    otel: 'leaked_blocks',
    kind: 'amount',
    unit: '{block}',
    help: 'Blocks whose view was collected without a free, and that no reset has brought back; of the blocks that the option leaks watches.',
    labels: ['arena'],
    arena: ({ leakedBlocks }, emit) => emit({}, leakedBlocks),
  },
  {
    name: 'away_blocks',
    otel: 'away_blocks',
    kind: 'amount',
    unit: '{block}',
    help: 'Blocks that were handed over to other threads, and are not back yet.',
    labels: ['arena'],
    arena: ({ lending }, emit) => emit({}, lending.away),
  },
  {
    name: 'away_bytes',
    otel: 'memory.away',
    kind: 'amount',
    unit: 'By',
    help: 'Bytes of blocks that were handed over to other threads, and are not back yet.',
    labels: ['arena'],
    arena: ({ bytes }, emit) => emit({}, bytes.away),
  },
  {
    name: 'tickets_total',
    otel: 'tickets',
    kind: 'counter',
    unit: '{ticket}',
    help: 'Tickets for other threads. Event offered: made; adopted: taken over; returned: released by who had adopted it; recalled: taken back before; revoked: the same, by a reset or the end of the arena.',
    labels: ['arena', 'event'],
    arena: ticketEvents,
  },
  {
    name: 'tickets_refused_total',
    otel: 'tickets.refused',
    kind: 'counter',
    unit: '{ticket}',
    help: 'Numbers that somebody took for tickets: none, or adopted, recalled or revoked before.',
    labels: [],
    heap: ({ lending }, emit) => emit({}, lending.refused),
  },
  ...CHANNEL_METRICS,
  {
    name: 'info',
    otel: undefined,
    kind: 'level',
    unit: '1',
    help: 'Always 1; the label is the version of hakmem-arena.',
    labels: ['version'],
    heap: (_totals, emit) => emit({ version: VERSION }, 1),
  },
];

/** All metrics, in the order of the documentation. What one does not have, no prototype has for it. */
export const METRICS: readonly Metric[] = TABLE.map(ownOptions);
