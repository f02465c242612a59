/**
 * Arenas, and statistics of all of them.
 *
 * Sizes are in bytes. A view is any Buffer, typed array or DataView that an arena handed out.
 *
 * @module hakmem-arena
 */
import { installProcessHooks } from './stats/exit-dump';

export type { FromValue } from './arena/allocate';
export type { Allocator } from './arena/allocator';
export { Arena } from './arena/arena';
export type { Custodian } from './arena/custodian';
export type { Lender } from './arena/lender';
export type { Watcher } from './modes/watcher';
export type { Closable } from './streams/closings';
export type { ScopeTarget } from './streams/endings';
export type { FreeAfterWriteOptions } from './arena/free-after';
export type { WebWritableLike, WebWriterLike, WritableLike, WriteTarget } from './streams/targets';
export { HakmemError, OutOfMemoryError } from './errors';
export type { HakmemErrorCode } from './errors';
export type { LimitEvent, PurgeDisabledEvent, SuperSlabEvent } from './events/events';
export { adopt, release } from './letters/adopted';
export type { Ticket } from './letters/ticket';
export { formatHeapStats } from './stats/format';
export { heapMap } from './stats/heap-map';
export type { ArenaMap, HeapMap, SlabMap, SlabUse, SuperSlabMap } from './stats/heap-map';
export { heapRates } from './stats/rates';
export type { Activity, ArenaActivity, ClassActivity, HeapRates } from './stats/rates';
export { Scope } from './arena/scope';
export { heapStats } from './stats/stats';
export type {
  ActivityCounts,
  ArenaStats,
  BinStats,
  ByteStats,
  ClassStats,
  DecayStats,
  FailureStats,
  HeapStats,
  HeapTotals,
  LendingStats,
  OsStats,
  SuperSlabStats,
} from './stats/types';
export type {
  ArenaBuffer,
  ArenaOptions,
  CloneReport,
  DetachedReport,
  GuardReport,
  LeakReport,
  LiveBlock,
  TypedView,
  ViewConstructor,
} from './types';
export type { View } from './view/view';

installProcessHooks();
