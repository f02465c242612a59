/**
 * Readings: numbers of one metric that stand in several places of the statistics, each with its label.
 */
import type { ArenaStats, HeapTotals } from '../stats/types';
import type { Emit } from './metric';

export function superslabStates({ superslabs }: ArenaStats, emit: Emit): void {
  for (const state of ['hot', 'draining', 'free'] as const) emit({ state }, superslabs[state]);
}

export function osCalls({ os }: HeapTotals, emit: Emit): void {
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

export function failureReasons({ failures }: ArenaStats, emit: Emit): void {
  emit({ reason: 'os' }, failures.os);
  emit({ reason: 'limit' }, failures.limit);
  emit({ reason: 'double_free' }, failures.doubleFrees);
  emit({ reason: 'stale_free' }, failures.staleFrees);
  emit({ reason: 'foreign_free' }, failures.foreignFrees);
}

export function ticketEvents({ lending }: ArenaStats, emit: Emit): void {
  for (const event of ['offered', 'adopted', 'recalled', 'revoked', 'returned'] as const) {
    emit({ event }, lending[event]);
  }
}
