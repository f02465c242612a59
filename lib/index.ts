/**
 * Arenas, and statistics of all of them.
 *
 * Sizes are in bytes. A view is any Buffer, typed array or DataView that an arena handed out.
 *
 * @module hakmem-arena
 */
import { installProcessHooks } from './stats/exit-dump';

export type { Allocator, FromValue } from './roles/allocator';
export { Arena } from './arena/arena';
export { Channel } from './channel/channel';
export type { ChannelHandle, ChannelOptions } from './channel/channel';
export { ChannelEnd } from './channel/end';
export type { ChannelEvents, ChannelReceiver } from './channel/types';
export type { Custodian, FreeAfterWriteOptions } from './roles/custodian';
export type { Difference, VerifyReport } from './stats/verify';
export type { Lender } from './roles/lender';
export type { Closable } from './streams/closings';
export { readInto } from './streams/read-into';
export type { ReadTarget } from './streams/read-into';
export type { ScopeTarget } from './streams/endings';
export type { WebWritableLike, WebWriterLike, WritableLike, WriteTarget } from './streams/targets';
export type { BackendInfo } from './base/backend-info';
export type { ComparedCost, LearnBy, LearnOptions, LearnReport, TableCost } from './learn/report';
export { HakmemError, OutOfMemoryError } from './errors';
export type { HakmemErrorCode } from './errors';
export type {
  LimitEvent,
  PressureEvent,
  PurgeDisabledEvent,
  SuperSlabEvent,
} from './events/events';
export { adopt, release } from './letters/adopted';
export type { Ticket } from './letters/ticket';
export { channelStats } from './letters/channel-stats';
export type { ChannelStats, ChannelTotals } from './letters/channel-stats';
export { formatHeapStats } from './stats/format';
export type { FormatOptions } from './stats/format';
export type { StatsLine } from './stats/lines';
export { formatTrace } from './stats/trace';
export type { TraceEvent } from './stats/trace';
export type { PolicyChange, PolicyEvent } from './events/policy';
export type { ClassPolicy, LearnedClass, Policy, PolicyValue } from './policy/report';
export type { PolicySource } from './policy/sources';
export { heapMap } from './stats/heap-map';
export type { ArenaMap, HeapMap, SlabMap, SlabUse, SuperSlabMap } from './stats/heap-map';
export { heapRates } from './stats/rates';
export type { Activity, ArenaActivity, ClassActivity, HeapRates } from './stats/rates';
export { Scope } from './arena/scope';
export { heapStats } from './stats/stats';
export type { HeapStatsOptions } from './stats/stats';
export type {
  CacheStats,
  FrontStats,
  LengthStats,
  LockStats,
  PageStats,
  StageStats,
  WarmStats,
} from './stats/flow-types';
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
  Tier,
} from './stats/types';
export type {
  ArenaBuffer,
  ArenaOptions,
  ClassSettings,
  CloneReport,
  DetachedReport,
  GuardReport,
  LeakReport,
  LiveBlock,
  PolicySettings,
  TypedView,
  ViewConstructor,
} from './types';
export type { View } from './view/view';

installProcessHooks();
