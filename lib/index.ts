/**
 * Arenas, and statistics of all of them.
 *
 * Sizes are in bytes. A view is any Buffer, typed array or DataView that an arena handed out.
 *
 * @module hakmem-arena
 */
import { installProcessHooks } from './exit-dump';

export type { FromValue } from './allocate';
export { Arena } from './arena';
export type { Closable } from './closings';
export type { ScopeTarget } from './endings';
export type {
  FreeAfterWriteOptions,
  WebWritableLike,
  WebWriterLike,
  WritableLike,
  WriteTarget,
} from './free-after';
export { HakmemError, OutOfMemoryError } from './errors';
export type { HakmemErrorCode } from './errors';
export type { LimitEvent, PurgeDisabledEvent, SuperSlabEvent } from './events';
export { formatHeapStats } from './format';
export { heapMap } from './heap-map';
export type { ArenaMap, HeapMap, SlabMap, SlabUse, SuperSlabMap } from './heap-map';
export { heapRates } from './rates';
export type { Activity, ArenaActivity, ClassActivity, HeapRates } from './rates';
export { Scope } from './scope';
export { heapStats } from './stats';
export type {
  ActivityCounts,
  ArenaStats,
  BinStats,
  ByteStats,
  ClassStats,
  FailureStats,
  HeapStats,
  HeapTotals,
  OsStats,
  SuperSlabStats,
} from './stats-types';
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
export type { View } from './view';

installProcessHooks();
