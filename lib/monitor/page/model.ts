/**
 * Model: what the page shows, worked out from the replies of the server. Pure: knows no document.
 */
import type { ArenaStats, ClassStats, HeapTotals } from '../../stats/types.js';
import type { StatsReply } from '../wire.js';

const SLAB_BYTES = 65_536;
const HISTORY_MS = 300_000;
/** How far back a trend looks, how often a reply is kept for it, and when it begins to mean something. */
const TREND_MS = 60_000;
const KEEP_EVERY_MS = 2_000;
const TREND_MIN_MS = 8_000;

/** 'all', or the id of an arena. */
export type Selection = number | 'all';

export interface Row {
  readonly stats: ClassStats;
  /** Per second. */
  readonly allocRate: number;
  readonly freeRate: number;
  /** Bytes in its slabs that are not live. */
  readonly heldBytes: number;
  /** Change of live blocks per minute; undefined while there is too little history. */
  readonly trend: number | undefined;
}

export interface View {
  readonly totals: HeapTotals;
  readonly rows: readonly Row[];
  readonly allocRate: number;
  readonly freeRate: number;
  /** Share of the latest allocations, or of all when there were none lately; NaN: none ever. */
  readonly fastShare: number;
}

/** A moment of the history. Rates per second, else bytes. */
export interface Point {
  readonly at: number;
  readonly allocRate: number;
  readonly freeRate: number;
  readonly live: number;
  readonly committed: number;
  /** Of the whole process, whatever is chosen. */
  readonly rss: number;
}

type ArenaPoint = Omit<Point, 'at' | 'rss'>;

interface Moment {
  readonly at: number;
  readonly rss: number;
  readonly arenas: ReadonlyMap<number, ArenaPoint>;
}

const NOTHING: ArenaPoint = { allocRate: 0, freeRate: 0, live: 0, committed: 0 };

function sumOver<T>(items: Iterable<T>, read: (item: T) => number): number {
  let sum = 0;
  for (const item of items) sum += read(item);
  return sum;
}

function chosen(reply: StatsReply, selection: Selection): readonly ArenaStats[] {
  const { arenas } = reply.stats;
  return selection === 'all' ? arenas : arenas.filter(({ id }) => id === selection);
}

function totalsOf(reply: StatsReply, selection: Selection): HeapTotals {
  return (selection === 'all' ? undefined : chosen(reply, selection)[0]) ?? reply.stats.totals;
}

/** By how much a number rose between two replies, over the arenas that are in the later one. */
function rise(
  before: StatsReply,
  now: StatsReply,
  selection: Selection,
  read: (arena: ArenaStats) => number,
): number {
  const earlier = new Map(before.stats.arenas.map((arena) => [arena.id, arena]));
  return sumOver(chosen(now, selection), (arena) => {
    const old = earlier.get(arena.id);
    return read(arena) - (old === undefined ? 0 : read(old));
  });
}

const allocsOf = (arena: ArenaStats): number => sumOver(arena.classes, (row) => row.allocs);
const freesOf = (arena: ArenaStats): number => sumOver(arena.classes, (row) => row.frees);
const fastOf = (arena: ArenaStats): number => sumOver(arena.classes, (row) => row.fast);

export class Model {
  #now: StatsReply | undefined;
  #before: StatsReply | undefined;
  /** Replies of the last minute, one in a while, oldest first. */
  #kept: StatsReply[] = [];
  #history: Moment[] = [];

  get reply(): StatsReply | undefined {
    return this.#now;
  }

  add(reply: StatsReply): void {
    this.#before = this.#now;
    this.#now = reply;
    this.#remember(reply);
    if (this.#before === undefined) return; // no rates yet
    const arenas = reply.stats.arenas.map(
      (arena) => [arena.id, this.#pointOf(arena)] as [number, ArenaPoint],
    );
    this.#history.push({ at: reply.at, rss: reply.process.rssBytes, arenas: new Map(arenas) });
    this.#history = this.#history.filter(({ at }) => at >= reply.at - HISTORY_MS);
  }

  /** What there is to show of an arena, or of all; undefined before the first reply. */
  view(selection: Selection): View | undefined {
    const now = this.#now;
    if (now === undefined) return undefined;
    const totals = totalsOf(now, selection);
    return {
      totals,
      rows: totals.classes.map((stats, index) => this.#row(now, selection, stats, index)),
      allocRate: this.#rate(now, selection, allocsOf),
      freeRate: this.#rate(now, selection, freesOf),
      fastShare: this.#fastShare(now, selection, totals),
    };
  }

  /** The last five minutes, oldest first. */
  history(selection: Selection): Point[] {
    return this.#history.map(({ at, rss, arenas }) => {
      const points =
        selection === 'all' ? [...arenas.values()] : [arenas.get(selection) ?? NOTHING];
      return {
        at,
        rss,
        allocRate: sumOver(points, (point) => point.allocRate),
        freeRate: sumOver(points, (point) => point.freeRate),
        live: sumOver(points, (point) => point.live),
        committed: sumOver(points, (point) => point.committed),
      };
    });
  }

  #remember(reply: StatsReply): void {
    const last = this.#kept.at(-1);
    if (last === undefined || reply.at - last.at >= KEEP_EVERY_MS) this.#kept.push(reply);
    this.#kept = this.#kept.filter(({ at }) => at >= reply.at - TREND_MS);
  }

  #pointOf(arena: ArenaStats): ArenaPoint {
    const now = this.#now!;
    return {
      allocRate: this.#rate(now, arena.id, allocsOf),
      freeRate: this.#rate(now, arena.id, freesOf),
      live: arena.bytes.live,
      committed: arena.bytes.committed,
    };
  }

  #row(now: StatsReply, selection: Selection, stats: ClassStats, index: number): Row {
    return {
      stats,
      allocRate: this.#rate(now, selection, ({ classes }) => classes[index]!.allocs),
      freeRate: this.#rate(now, selection, ({ classes }) => classes[index]!.frees),
      heldBytes: Math.max(0, stats.slabs * SLAB_BYTES - stats.liveBytes),
      trend: this.#trend(now, selection, index),
    };
  }

  /** Per second since the reply before. */
  #rate(now: StatsReply, selection: Selection, read: (arena: ArenaStats) => number): number {
    const before = this.#before;
    if (before === undefined || now.at <= before.at) return 0;
    return Math.max(0, rise(before, now, selection, read) / ((now.at - before.at) / 1000));
  }

  #trend(now: StatsReply, selection: Selection, index: number): number | undefined {
    const before = this.#kept[0];
    if (before === undefined || now.at - before.at < TREND_MIN_MS) return undefined;
    const minutes = (now.at - before.at) / 60_000;
    return rise(before, now, selection, ({ classes }) => classes[index]!.live) / minutes;
  }

  #fastShare(now: StatsReply, selection: Selection, totals: HeapTotals): number {
    const before = this.#before;
    const lately = before === undefined ? 0 : rise(before, now, selection, allocsOf);
    if (before !== undefined && lately > 0) return rise(before, now, selection, fastOf) / lately;
    return (
      sumOver(totals.classes, (row) => row.fast) / sumOver(totals.classes, (row) => row.allocs)
    );
  }
}
