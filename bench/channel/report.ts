// Report: recorded runs of Buffers between two threads, as the section of a page.

import type { Figures } from '../case';
import { type About, summarize } from '../report/record';
import { formatNumber } from '../report/report';

/** A rival at one length: messages per second, and microseconds of CPU of both threads for each. */
export interface ChannelResult {
  readonly rival: string;
  readonly length: number;
  readonly runs: readonly Figures[];
}

export interface ChannelRecord {
  readonly about: About;
  readonly results: readonly ChannelResult[];
}

const HEADING = '## Between threads';

const EXPLAINED =
  'Thousands of messages a second from one thread to another, each in its event loop, with 256 under way; in brackets ' +
  'microseconds of CPU of both threads for each message, and how many times as many messages the channel sends. Both ' +
  'sides touch the first and the last byte. `copy` and `transfer` are `postMessage`, `ring` copies into shared memory and ' +
  'out of it, and so does `ringbuf.js`, which knows bytes and no messages; `thread-stream` carries text without bounds, ' +
  'and copies at once what there is; `piscina` runs a task for each in a pool of one thread.';

const NOTHING_RECORDED =
  'None is recorded yet. `npm run bench -- --channel --json bench/results/channel/node20.json` records a run, ' +
  '`npm run bench -- --render` writes it here.';

function nameOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${bytes / 1024} KB` : `${bytes / 1024 / 1024} MB`;
}

function cellOf({ rival, length }: ChannelResult, record: ChannelRecord): string {
  const of = (name: string): ChannelResult | undefined =>
    record.results.find((it) => it.rival === name && it.length === length);
  const medianOf = (name: string, metric: string): number =>
    summarize(of(name)?.runs ?? [], metric)?.median ?? 0;
  const rate = medianOf(rival, 'perSecond');
  const cpu = `${formatNumber(medianOf(rival, 'cpuUs'))} us`;
  const ours = record.results[0]!.rival;
  const times = rival === ours ? '' : `, ${formatNumber(medianOf(ours, 'perSecond') / rate)}x`;
  return `${formatNumber(rate / 1000)} (${cpu}${times})`;
}

function tableOf(record: ChannelRecord): string {
  const { results, about } = record;
  const lengths = [...new Set(results.map(({ length }) => length))];
  const rivals = [...new Set(results.map(({ rival }) => rival))];
  const rows = rivals.map((rival) => {
    const theirs = lengths.map((length) =>
      results.find((it) => it.rival === rival && it.length === length),
    );
    return [rival, ...theirs.map((it) => (it === undefined ? '' : cellOf(it, record)))];
  });
  const header = ['', ...lengths.map(nameOf)];
  const lines = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const where =
    `Node ${about.node.slice(1)}, ${about.machine}, commit ${about.commit}, ${about.date}, medians of ` +
    `${about.runs} runs; \`${about.command}\`:`;
  return `${where}\n\n${lines.join('\n')}`;
}

/** The section about recorded runs, oldest Node first; how to record one where there is none. */
export function channelPage(records: readonly ChannelRecord[]): string {
  const found = records.length > 0 ? [EXPLAINED, ...records.map(tableOf)] : [NOTHING_RECORDED];
  return [HEADING, ...found].join('\n\n');
}
