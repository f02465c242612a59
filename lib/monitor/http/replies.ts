/**
 * Replies: the JSON documents of the monitor.
 */
import { type SlabMap, heapMap } from '../../stats/heap-map';
import { native } from '../../native/native';
import { heapStats } from '../../stats/stats';
import { readAllLengths } from '../../stats/lengths';
import type { LengthsReply, MapReply, SlabCell, SlabCode, StatsReply } from '../wire';

const { rowNames } = native.tables;
const classIndex = new Map(rowNames.map((name, index) => [name, index]));

export function statsReply(title: string): StatsReply {
  return {
    version: 1,
    at: Date.now(),
    title,
    process: {
      pid: process.pid,
      node: process.version,
      uptimeSeconds: process.uptime(),
      rssBytes: process.memoryUsage.rss(),
    },
    stats: heapStats(),
  };
}

const CODES: readonly SlabCode[] = ['untouched', 'touched', 'lost', 'tail'];
const code = (name: SlabCode): number => CODES.indexOf(name);

function cellOf(slab: SlabMap): SlabCell {
  if (slab.use === 'free') return code(slab.touched ? 'touched' : 'untouched');
  if (slab.use === 'lost' || slab.use === 'tail') return code(slab.use);
  const { blockSize, taken, capacity, away } = slab;
  return [classIndex.get(slab.className) ?? 0, blockSize, taken, capacity, away];
}

/** `heapMap()` in a tenth of the text. */
export function mapReply(): MapReply {
  const arenas = heapMap().arenas.map(({ id, name, superslabs }) => ({
    id,
    name,
    superslabs: superslabs.map(({ index, bytes, tier, slabs }) => ({
      index,
      bytes,
      tier,
      slabs: slabs.map(cellOf),
    })),
  }));
  return { version: 1, at: Date.now(), codes: CODES, classNames: rowNames, arenas };
}

export function lengthsReply(): LengthsReply {
  return { version: 1, at: Date.now(), arenas: readAllLengths() };
}
