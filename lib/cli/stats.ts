/**
 * Stats: the statistics of a service that runs the monitor, once, as a table. What the service says cannot reach the
 * terminal but as plain text.
 */
import { parseArgs } from 'node:util';
import { printableLines } from '../base/printable';
import { heapTable } from '../stats/table';
import { ask, monitorUrl } from './remote';

/** `stats`: one reading of the service at `--url`. */
export async function stats(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { url: { type: 'string', default: 'http://127.0.0.1:6464/' } },
  });
  const reply = await ask(monitorUrl(values.url, 'stats.json'));
  process.stdout.write(`${printableLines(heapTable(reply.stats))}\n`);
  return 0;
}
