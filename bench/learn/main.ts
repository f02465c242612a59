// Learn: what the built-in size classes and learned ones waste, by the public API alone. Bytes are exact, so a busy
// machine does not matter, and each mix is played once.
//
//   npm run bench -- --learn [--quick] [--json FILE]
//
// An arena that observes lives through a first day of a mix, as a service does: it is filled, and then blocks are
// replaced at random. What it has learned is then played, beside the built-in classes, on a second day: the same mix with
// other random numbers; of drifting traffic, whose lengths come round, too. Waste is what blocks and the ends of slabs
// take beyond the bytes asked for; committed bytes are SuperSlabs held, with all that is free in them.
//
// An arena with `learn: 'learn'` then lives for some seconds, in turns with the event loop, and after it a frozen one: what
// of their SuperSlabs may have pages, since those of slabs that died while classes came and went are given back.

import { writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Arena, type ArenaStats } from 'hakmem-arena';
import { nextRandom, SEED } from '../random';
import { aboutRun } from '../report/record';
import { printAbout } from '../report/report';
import { type Mix, MIXES } from './mixes';

const SLAB_BYTES = 65_536;

/** Live bytes of a mix; with fewer the last SuperSlab, of which a part is used, would say too much. */
const LIVE_BYTES = 96 * 1024 * 1024;
const BLOCKS_MAX = 200_000;
/** Every block is replaced so many times on the average. */
const REPLACEMENTS = 4;
const QUICK = 0.02;

/** Of a life: some periods of a learner, which are a second each. */
const LIFE_MS = 16_000;
const SLICE_STEPS = 2_000;

const FIRST_DAY = SEED;
const SECOND_DAY = 7654321;

/** What an arena held at the end of a day. */
interface Held {
  readonly classes: number;
  readonly liveBytes: number;
  /** Waste over the bytes asked for: of live blocks with their shares of the ends of slabs. */
  readonly waste: number;
  readonly committed: number;
  /** Of them: what may have pages. */
  readonly dirty: number;
}

export interface LearnRecord {
  readonly mix: string;
  readonly target: number;
  readonly targetClasses: 16 | 'all';
  readonly builtIn: Held;
  readonly learned16: Held;
  readonly learned: Held;
  /** At the end of a life; of the second one, with classes learned in it. */
  readonly frozen: Held;
  readonly living: Held;
}

/** Blocks that are live at once. */
function blocksOf({ lengths }: Mix, pace: number): number {
  let [bytes, random] = [0, FIRST_DAY];
  for (let i = 0; i < 1000; i++) {
    random = nextRandom(random);
    bytes += lengths(random, i, i / 1000);
  }
  return Math.ceil(pace * Math.min(BLOCKS_MAX, LIVE_BYTES / (bytes / 1000)));
}

/** Fills an arena, and replaces blocks. */
function liveThrough(arena: Arena, { lengths }: Mix, day: number, blocks: number): void {
  const live: Buffer[] = [];
  const steps = blocks * (1 + REPLACEMENTS);
  let random = day;
  for (let step = 0; step < steps; step++) {
    random = nextRandom(random);
    const view = arena.allocUnsafe(lengths(random, step, step / steps));
    if (live.length < blocks) {
      live.push(view);
      continue;
    }
    const at = (random = nextRandom(random)) % blocks;
    arena.free(live[at]!);
    live[at] = view;
  }
}

/** Fills an arena, and replaces blocks until its time is over. What drifts goes round once. */
async function liveFor(arena: Arena, { lengths }: Mix, blocks: number, ms: number): Promise<void> {
  const live: Buffer[] = [];
  let random = SECOND_DAY;
  const begin = performance.now();
  for (let step = 0, gone = 0; live.length < blocks || gone < 1; step++) {
    random = nextRandom(random);
    const view = arena.allocUnsafe(lengths(random, step, Math.min(gone, 0.999)));
    if (live.length < blocks) {
      live.push(view);
    } else {
      const at = (random = nextRandom(random)) % blocks;
      arena.free(live[at]!);
      live[at] = view;
    }
    if (step % SLICE_STEPS !== 0) continue;
    gone = (performance.now() - begin) / ms;
    await turn();
  }
}

/** What live blocks take, with their shares of the ends of slabs, beyond the bytes asked for; over these. */
function wasteOf({ classes, bytes }: ArenaStats): number {
  const used = classes.flatMap(({ bins }) => bins).filter(({ live }) => live > 0);
  const taken = used.reduce(
    (sum, bin) => sum + (bin.live * bin.slabs * SLAB_BYTES) / bin.capacity,
    0,
  );
  return taken / bytes.live - 1;
}

/** Plays a day with these classes. */
function play(mix: Mix, sizeClasses: readonly number[] | undefined, blocks: number): Held {
  const arena = new Arena({ learn: 'observe', ...(sizeClasses && { sizeClasses }) });
  liveThrough(arena, mix, SECOND_DAY, blocks);
  return heldBy(arena);
}

/** The same for some seconds of an arena that learns, or does not. */
async function playLife(
  mix: Mix,
  learn: 'frozen' | 'learn',
  blocks: number,
  ms: number,
): Promise<Held> {
  const arena = new Arena({ learn });
  await liveFor(arena, mix, blocks, ms);
  return heldBy(arena);
}

/** What an arena holds, which is destroyed then. */
function heldBy(arena: Arena): Held {
  const stats = arena.stats();
  const { classes } = arena.policy();
  arena.destroy();
  return {
    classes: classes.length,
    liveBytes: stats.bytes.live,
    waste: wasteOf(stats),
    committed: stats.bytes.committed,
    dirty: stats.bytes.committed - stats.bytes.freeSlabs + stats.bytes.dirty,
  };
}

async function playMix(mix: Mix, pace: number): Promise<LearnRecord> {
  const blocks = blocksOf(mix, pace);
  const teacher = new Arena({ learn: 'observe' });
  liveThrough(teacher, mix, FIRST_DAY, blocks);
  const by = mix.name.startsWith('drifting') ? 'allocs' : 'live';
  const few = teacher.learned({ classes: 16, by }).sizeClasses;
  const all = teacher.learned({ by }).sizeClasses;
  teacher.destroy();
  return {
    mix: mix.name,
    target: mix.target,
    targetClasses: mix.classes,
    builtIn: play(mix, undefined, blocks),
    learned16: play(mix, few, blocks),
    learned: play(mix, all, blocks),
    frozen: await playLife(mix, 'frozen', blocks, pace * LIFE_MS),
    living: await playLife(mix, 'learn', blocks, pace * LIFE_MS),
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function verdict(record: LearnRecord): string {
  const { target, targetClasses, learned, builtIn, frozen, living } = record;
  const [judged, before] = targetClasses === 16 ? [living, frozen] : [learned, builtIn];
  const saved = 1 - judged.dirty / before.dirty;
  const missed: string[] = [];
  if (judged.waste > target) {
    missed.push(
      learned.waste > target
        ? `no table of ${learned.classes} classes wastes less`
        : `${learned.classes} classes would do`,
    );
  }
  if (saved < 0.08) missed.push(`built-in ones leave ${percent(before.waste)} to save`);
  return missed.length === 0 ? 'met' : missed.join('; ');
}

function row(record: LearnRecord): string {
  const { builtIn, learned16, learned, frozen, living, target, targetClasses } = record;
  const part = (held: Held): string =>
    `${percent(held.waste)}, ${megabytes(held.committed)} MB (${percent(held.committed / builtIn.committed - 1)})`;
  const life = ({ waste, committed, dirty }: Held): string =>
    `${percent(waste)}, ${megabytes(dirty)} of ${megabytes(committed)} MB`;
  const cells = [
    record.mix,
    `${percent(builtIn.waste)}, ${megabytes(builtIn.committed)} MB`,
    part(learned16),
    `${learned.classes}: ${part(learned)}`,
    life(frozen),
    `${living.classes}: ${life(living)} (${percent(living.dirty / frozen.dirty - 1)})`,
    `${percent(target)} with ${targetClasses}`,
    verdict(record),
  ];
  return `| ${cells.join(' | ')} |\n`;
}

const HEAD =
  '| lengths | built-in: waste, committed | 16 learned | all learned | after a life, frozen | the same, learning | target | |\n|---|---|---|---|---|---|---|---|\n';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
  });
  const about = { ...aboutRun(1), command: 'npm run bench -- --learn' };
  if (!values.quick) printAbout(about);
  process.stdout.write(HEAD);
  const records: LearnRecord[] = [];
  for (const mix of MIXES) {
    const record = await playMix(mix, values.quick ? QUICK : 1);
    records.push(record);
    process.stdout.write(row(record));
  }
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ about, records })}\n`);
  }
}

void main();
