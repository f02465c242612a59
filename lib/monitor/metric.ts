/**
 * Metric: what there is to know of a number that monitoring systems are told.
 */
import type { ChannelTotals } from '../letters/channel-stats';
import type { ArenaStats, ClassStats, HeapTotals } from '../stats/types';

export type Labels = Readonly<Record<string, string>>;

export type LabelName =
  | 'arena'
  | 'call'
  | 'event'
  | 'path'
  | 'reason'
  | 'result'
  | 'size_class'
  | 'stage'
  | 'state'
  | 'version';

/**
 * 'counter': only ever grows; 'amount': can be added up over arenas and processes; 'level': cannot.
 */
export type MetricKind = 'counter' | 'amount' | 'level';

export type Unit = 'By' | 's' | '1' | `{${string}}`;

/** Receives one number of a metric. Numbers with the same labels are added up. */
export type Emit = (labels: Labels, value: number) => void;

export interface Metric {
  /** In Prometheus, behind the prefix. */
  readonly name: string;
  /** In OpenTelemetry, behind its prefix; undefined: said elsewhere there. */
  readonly otel: string | undefined;
  readonly kind: MetricKind;
  readonly unit: Unit;
  readonly help: string;
  /** 'arena' is added to what `arena` emits, not to what `heap` emits. */
  readonly labels: readonly LabelName[];
  /** What there is to say of one arena. */
  readonly arena?: (stats: ArenaStats, emit: Emit) => void;
  /** What there is to say of the process. */
  readonly heap?: (totals: HeapTotals, emit: Emit) => void;
  /** What there is to say of the channels of this thread. */
  readonly channels?: (totals: ChannelTotals, emit: Emit) => void;
}

/** Classes never used have nothing to say: most arenas use a few of them. */
export function byClass(
  read: (row: ClassStats, emit: (value: number, more?: Labels) => void) => void,
): (stats: ArenaStats, emit: Emit) => void {
  return ({ classes }, emit) => {
    for (const row of classes) {
      if (row.bins.length === 0) continue;
      read(row, (value, more) => emit({ size_class: row.name, ...more }, value));
    }
  };
}
