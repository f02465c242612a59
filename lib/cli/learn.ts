/**
 * Learn: which size classes would waste least for the lengths that a service allocates, from its monitor or from a
 * file that was saved from there.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { printable } from '../base/printable';
import { CLASS_COUNT_MAX } from '../native/geometry';
import { type LearnBy, type LearnReport, type TableCost, learnFrom } from '../learn/report';
import type { LengthsReply } from '../monitor';
import { resolveLearn } from '../options';
import { bytesText, shortText } from '../stats/table';
import { askLengths, lengthsIn, monitorUrl } from './remote';
import { UsageError, numberOption } from './usage';

type ArenaLengths = LengthsReply['arenas'][number];

const percent = ({ wasteShare }: TableCost): string => `${(100 * wasteShare).toFixed(1)} %`;
const waste = (cost: TableCost): string => `${bytesText(cost.wasteBytes)}, ${percent(cost)}`;

/** Of a table against that of today. */
function difference(savedBytes: number): string {
  return savedBytes < 0 ? `${bytesText(-savedBytes)} more` : `saves ${bytesText(savedBytes)}`;
}

/** `built-in`, or sizes with commas between. */
function compareOption(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const given = text === 'built-in' ? text : text.split(',').map(Number);
  try {
    return resolveLearn({ compare: given }).compare;
  } catch (error) {
    throw new UsageError(
      `--compare is built-in, or size classes as 64,512,4096: ${(error as Error).message}`,
    );
  }
}

/** What there is to say of one arena. */
function describe(
  { id, name, sizeClasses }: ArenaLengths,
  by: LearnBy,
  report: LearnReport,
): string {
  const { count, requestedBytes, today, best, savedBytes, ifLonger } = report;
  const title = `${shortText(name, 40)} (${id}):`;
  if (count === 0) return `${title} no ${by === 'live' ? 'live ' : ''}allocations of up to 64 KB`;
  const what = by === 'live' ? 'live allocations' : 'allocations so far';
  const saved = savedBytes > 0 ? `, saves ${bytesText(savedBytes)}` : '';
  const compared = report.compared;
  const than =
    compared === undefined
      ? []
      : [`  compared classes waste ${waste(compared)}, ${difference(compared.savedBytes)}`];
  return [
    `${title} ${Math.round(count)} ${what}, ${bytesText(requestedBytes)} requested`,
    `  today   ${sizeClasses.length} classes waste ${waste(today)}`,
    `  best    ${report.sizeClasses.length} classes waste ${waste(best)}${saved}`,
    ...than,
    `  if every length were a sixteenth longer: today ${percent(ifLonger.today)}, best ${percent(ifLonger.best)}`,
    `  sizeClasses: [${report.sizeClasses.join(', ')}]`,
  ].join('\n');
}

function choiceOf(by: string): LearnBy {
  if (by === 'live' || by === 'allocs') return by;
  throw new UsageError(`--by is live or allocs, not "${by}"`);
}

async function read(url: string | undefined, file: string | undefined): Promise<LengthsReply> {
  if (file === undefined) {
    return askLengths(monitorUrl(url ?? 'http://127.0.0.1:6464/', 'lengths.json'));
  }
  if (url !== undefined) throw new UsageError('--url and --file say two things');
  return lengthsIn(file, readFileSync(file, 'utf8'));
}

/** `learn`: one report for each arena, or for those of one name. */
export async function learn(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string' },
      file: { type: 'string' },
      arena: { type: 'string' },
      classes: { type: 'string' },
      by: { type: 'string', default: 'live' },
      compare: { type: 'string' },
    },
  });
  const classes = Math.floor(
    numberOption('classes', values.classes, CLASS_COUNT_MAX, [2, CLASS_COUNT_MAX]),
  );
  const by = choiceOf(values.by);
  const compare = compareOption(values.compare);
  const { arenas } = await read(values.url, values.file);
  const wanted = arenas.filter(({ name }) => values.arena === undefined || name === values.arena);
  if (wanted.length === 0)
    throw new Error(`there is no arena ${printable(values.arena ?? 'at all')}`);
  for (const arena of wanted) {
    const report = learnFrom(arena.lengths, arena.sizeClasses, { classes, by, compare });
    process.stdout.write(`${describe(arena, by, report)}\n`);
  }
  return 0;
}
