/**
 * Events: what is rare and worth knowing, on node:diagnostics_channel. Never one per allocation.
 *
 * A message is published in the thread whose arena it is about, when no operation is under way (see reports.ts):
 * a subscriber may use the arena, reset it or destroy it. Without subscribers nothing is made.
 *
 * The core calls nobody. What happens to SuperSlabs shows in its counters, which are read after calls that
 * may have moved one.
 */
import { channel } from 'node:diagnostics_channel';
import { soon } from '../base/clock';
import type { OutOfMemoryError } from '../errors';
import { later } from './reports';
import { arenaOffset, processOffset, readArena, readHeap, readProcess } from '../native/snapshot';

/** Its messages are {@link LimitEvent}. */
export const LIMIT_CHANNEL = 'hakmem-arena:limit';

/**
 * Message on the channel `hakmem-arena:limit` of `node:diagnostics_channel`: an allocation was refused
 * because of `maxBytes`.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:limit', (message) => {
 *   const { arena, requestedBytes, usedBytes, maxBytes } = message as LimitEvent;
 *   logger.warn(`${arena.name}: ${requestedBytes} bytes refused, ${usedBytes} of ${maxBytes} in use`);
 * });
 */
export interface LimitEvent {
  /** Whose limit it is. */
  readonly arena: {
    /** As {@link Arena.id}. */
    readonly id: number;
    /** As {@link Arena.name}. */
    readonly name: string;
  };
  /** Bytes of the request that was refused. */
  readonly requestedBytes: number;
  /** Bytes in use: what `maxBytes` limits. */
  readonly usedBytes: number;
  /** The limit, in bytes. */
  readonly maxBytes: number;
}

/** Its messages are {@link PressureEvent}. */
export const PRESSURE_CHANNEL = 'hakmem-arena:pressure';

/**
 * Message on the channel `hakmem-arena:pressure` of `node:diagnostics_channel`: there was no memory for an allocation
 * until the arena gave up what it keeps, and the other arenas of the thread did where the limit is the process's. The
 * next step is a refusal, and may have been one already: then there is an error, too.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:pressure', (message) => {
 *   const { arena, reason, usedBytes, maxBytes } = message as PressureEvent;
 *   logger.warn(`${arena.name}: ${usedBytes} of ${maxBytes} bytes in use (${reason})`);
 * });
 */
export interface PressureEvent {
  /** Who needed memory. */
  readonly arena: LimitEvent['arena'];
  /** What had no more: see {@link OutOfMemoryError.reason}. */
  readonly reason: OutOfMemoryError['reason'];
  /** Bytes of the request. */
  readonly requestedBytes: number;
  /** Bytes that the limit counts, before anything was given up: of the arena, or held by all arenas. */
  readonly usedBytes: number;
  /** The limit, in bytes; 0: it is not known. */
  readonly maxBytes: number;
}

/** Its messages are {@link SuperSlabEvent}. */
export const SUPERSLAB_CHANNEL = 'hakmem-arena:superslab';

/**
 * Message on the channel `hakmem-arena:superslab` of `node:diagnostics_channel`: SuperSlabs, huge mappings
 * included, have come or gone. One message tells what happened in one turn of the event loop.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:superslab', (message) => {
 *   const { kind, count, cachedBytes } = message as SuperSlabEvent;
 *   console.log(`${count} SuperSlabs ${kind}, ${cachedBytes} bytes in the cache`);
 * });
 */
export interface SuperSlabEvent {
  /**
   * `mapped`: taken from the operating system; `cached`: given to the process-wide cache by an arena;
   * `adopted`: taken from the cache by an arena; `unmapped`: given back to the operating system.
   */
  readonly kind: 'mapped' | 'cached' | 'adopted' | 'unmapped';
  /**
   * How many, in the whole process, since this thread last looked; at first, since it loaded the package.
   * A thread looks after calls of its own that may have moved one, and when it reads `heapStats()`.
   */
  readonly count: number;
  /** SuperSlabs in the cache now. */
  readonly cached: number;
  /** Their address space, in bytes. */
  readonly cachedBytes: number;
}

/** Its messages are {@link PurgeDisabledEvent}. */
export const PURGE_DISABLED_CHANNEL = 'hakmem-arena:purge-disabled';

/**
 * Message on the channel `hakmem-arena:purge-disabled` of `node:diagnostics_channel`, once in each thread:
 * the process no longer gives pages back, because the operating system refused to take them.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:purge-disabled', (message) => {
 *   const { enomem } = message as PurgeDisabledEvent;
 *   logger.warn(enomem > 0 ? 'too many mappings: raise vm.max_map_count' : 'purging is refused');
 * });
 */
export interface PurgeDisabledEvent {
  /** Purges refused because the process has too many mappings. */
  readonly enomem: number;
  /** Purges refused for another reason. */
  readonly failed: number;
}

const limit = channel(LIMIT_CHANNEL);
const pressure = channel(PRESSURE_CHANNEL);
const superslab = channel(SUPERSLAB_CHANNEL);
const purgeDisabled = channel(PURGE_DISABLED_CHANNEL);

function arenaOf(id: number): LimitEvent['arena'] {
  const { serial, name } = readArena(id).arenas[0]!.identity;
  return { id: serial, name };
}

/** `id` names the arena in native calls. */
export function publishLimit(id: number, sizes: Omit<LimitEvent, 'arena'>): void {
  if (!limit.hasSubscribers) return;
  const event: LimitEvent = { arena: arenaOf(id), ...sizes };
  later(() => limit.publish(event));
}

/** What the limit for `reason` counts, and where it ends. */
function usageFor(
  reason: PressureEvent['reason'],
  id: number,
  maxBytes: number,
): Pick<PressureEvent, 'usedBytes' | 'maxBytes'> {
  if (reason === 'limit') {
    const { values, arenas } = readArena(id);
    return { usedBytes: values[arenas[0]!.fieldsAt + BYTES_USED]!, maxBytes };
  }
  const { values, totals } = readHeap();
  const limitBytes = reason === 'process' ? values[PROCESS_MAX]! : 0;
  return { usedBytes: values[totals.fieldsAt + BYTES_COMMITTED]!, maxBytes: limitBytes };
}

/** `id` names the arena in native calls, `maxBytes` is its own limit. */
export function publishPressure(
  id: number,
  reason: PressureEvent['reason'],
  { requestedBytes, maxBytes }: Pick<PressureEvent, 'requestedBytes' | 'maxBytes'>,
): void {
  if (!pressure.hasSubscribers) return;
  const arena = arenaOf(id);
  const event: PressureEvent = { arena, reason, requestedBytes, ...usageFor(reason, id, maxBytes) };
  later(() => pressure.publish(event));
}

const BYTES_USED = arenaOffset('bytes_used');
const BYTES_COMMITTED = arenaOffset('bytes_committed');
const PROCESS_MAX = processOffset('bytes_max');

/** Where each kind is counted. */
const KINDS = [
  ['mapped', processOffset('superslabs_mapped')],
  ['cached', processOffset('superslabs_put')],
  ['adopted', processOffset('superslabs_adopted')],
  ['unmapped', processOffset('superslabs_unmapped')],
] as const;

const CACHED = processOffset('superslabs_cached');
const CACHED_BYTES = processOffset('bytes_cached');
const PURGE_DISABLED = processOffset('os_purge_disabled');
const PURGE_ENOMEM = processOffset('os_purge_enomem');
const PURGE_FAILED = processOffset('os_purge_failed');

/** What has been told. */
let told = readProcess().slice();
let toldDisabled = false;
let isDue = false;

function publishSuperSlabs(now: Float64Array): void {
  const before = told;
  told = now.slice();
  for (const [kind, at] of KINDS) {
    const count = told[at]! - before[at]!;
    if (count === 0) continue;
    const event: SuperSlabEvent = {
      kind,
      count,
      cached: told[CACHED]!,
      cachedBytes: told[CACHED_BYTES]!,
    };
    superslab.publish(event);
  }
}

function publishPurgeDisabled(now: Float64Array): void {
  if (toldDisabled || now[PURGE_DISABLED] === 0) return;
  toldDisabled = true;
  const event: PurgeDisabledEvent = { enomem: now[PURGE_ENOMEM]!, failed: now[PURGE_FAILED]! };
  purgeDisabled.publish(event);
}

function publishChanges(): void {
  isDue = false;
  if (purgeDisabled.hasSubscribers) publishPurgeDisabled(readProcess());
  if (superslab.hasSubscribers) publishSuperSlabs(readProcess());
}

/** For calls that may have moved a SuperSlab, or purged. */
export function noteSuperSlabs(): void {
  if (isDue || !(superslab.hasSubscribers || purgeDisabled.hasSubscribers)) return;
  isDue = soon(publishChanges);
}
