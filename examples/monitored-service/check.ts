// Check: once everything is quiet, all ways of looking at the arenas say the same, to the unit.

import { heapStats } from 'hakmem-arena';
import type { StatsReply } from 'hakmem-arena/monitor';
import type { Telemetry } from './telemetry';

type ArenaLike = StatsReply['stats']['arenas'][number];

const allocsOf = ({ classes }: Pick<ArenaLike, 'classes'>): number =>
  classes.reduce((sum, { allocs }) => sum + allocs, 0);

function scrapedSum(text: string, name: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Prints the numbers; true: they agree. `requests`: each allocated once in the arena of that name. */
export async function check(url: string, telemetry: Telemetry, requests: number): Promise<boolean> {
  const { arenas, totals } = heapStats();
  const page = (await (await fetch(`${url}/ops/stats.json`)).json()) as StatsReply;
  const scraped = await (await fetch(`${url}/ops/metrics`)).text();
  const sums = {
    'heapStats()': allocsOf(totals),
    'stats.json': allocsOf(page.stats.totals),
    Prometheus: scrapedSum(scraped, 'hakmem_arena_allocations_total'),
    OpenTelemetry: await telemetry.exportedSum('hakmem.arena.allocations'),
  };
  const served = allocsOf(arenas.find(({ name }) => name === 'requests')!);
  console.log(`${requests} requests sent, ${served} counted by their arena`);
  for (const [name, sum] of Object.entries(sums))
    console.log(`${name.padEnd(14)} ${sum} allocations`);
  const workersSeen = allocsOf(totals) > served;
  return workersSeen && served === requests && new Set(Object.values(sums)).size === 1;
}
