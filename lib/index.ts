import { installProcessHooks } from './exit-dump';

export type { FromValue } from './allocate';
export { Arena } from './arena';
export type { WritableLike } from './free-after';
export { HakmemError, OutOfMemoryError } from './errors';
export type { HakmemErrorCode } from './errors';
export type { LimitEvent } from './events';
export { formatHeapStats } from './format';
export { heapMap } from './heap-map';
export type { ArenaMap, HeapMap, SlabMap, SlabUse, SuperSlabMap } from './heap-map';
export { heapRates } from './rates';
export type { Activity, ActivityCounts, ArenaActivity, ClassActivity, HeapRates } from './rates';
export { Scope } from './scope';
export { heapStats } from './stats';
export type {
  ArenaOptions,
  ArenaStats,
  BinStats,
  ByteStats,
  ClassStats,
  DetachedReport,
  FailureStats,
  GuardReport,
  HeapStats,
  HeapTotals,
  LeakReport,
  LiveBlock,
  OsStats,
  SuperSlabStats,
  ViewConstructor,
} from './types';
export type { View } from './view';

installProcessHooks();
