import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BENCH = join(ROOT, '.build', 'bench');
const require = createRequire(import.meta.url);

function bench(...args) {
  return spawnSync(process.execPath, [join(BENCH, 'main.js'), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
}

function played(...args) {
  const { status, stdout, stderr } = bench('--quick', '--no-c', ...args);
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n');
}

describe('benchmarks', () => {
  it('plays every case', () => {
    const { CASES } = require(join(BENCH, 'cases', 'index.js'));
    assert.equal(played('--rival', 'nobody else').length, CASES.length);
  });

  it('plays every rival', () => {
    assert.match(played('--only', 'pair-256').join(), /arena, Buffer.alloc.*@thi.ng.*malloc ran/);
  });

  it('measures what counters and checks cost', () => {
    assert.match(played('--only', 'checks').join(), /arena, unchecked ran/);
  });

  it('sends between two threads', () => {
    for (const [args, names] of [
      [[], ['channel', 'copy', 'transfer', 'ring', 'ringbuf.js', 'thread-stream', 'piscina']],
      [['--sweep'], ['all copied', 'all handed over']],
    ]) {
      const { status, stdout, stderr } = bench('--channel', '--quick', ...args);
      assert.equal(status, 0, stderr);
      for (const name of names) assert.match(stdout, new RegExp(`256 B +${name} +[\\d.]+ k/s`));
    }
  });

  it('scrapes a worker at work', () => {
    const scrape = bench('--scrape', '--quick');
    assert.equal(scrape.status, 0, scrape.stderr);
    assert.match(scrape.stdout, /scraped ten times a second +\d+\.\d\d\n +change +-?\d/);
  });

  it('plays every mix with built-in and learned size classes', () => {
    const { MIXES } = require(join(BENCH, 'learn', 'mixes.js'));
    const { status, stdout, stderr } = bench('--learn', '--quick');
    assert.equal(status, 0, stderr);
    for (const { name } of MIXES) {
      const start = stdout.indexOf(`| ${name} | `);
      assert.match(stdout.slice(start), /^\|[^|]+\| \d+\.\d %, \d+ MB \|/, name);
    }
  });

  it(
    'plays a day of memory on an allocator in C, where there is a compiler',
    { skip: process.platform !== 'linux' || spawnSync('cc', ['--version']).status !== 0 },
    () => {
      const { status, stdout, stderr } = bench(
        '--memory',
        '--quick',
        '--day',
        'cache',
        '--rival',
        'glibc',
      );
      assert.equal(status, 0, stderr);
      assert.match(stdout, /\| glibc in C \| \d+ /);
      assert.equal(stderr, '');
    },
  );

  it('plays every day of memory', () => {
    const { DAYS } = require(join(BENCH, 'memory', 'days.js'));
    const { status, stdout, stderr } = bench('--memory', '--quick', '--no-c');
    assert.equal(status, 0, stderr);
    const [, ...cells] = /^\| arena \|(.*)$/m.exec(stdout)[1].split('/').join('|').split('|');
    assert.equal(cells.length, 3 * DAYS.length);
  });

  it('a day is the same every time, frees what is live, and allocates what is free', () => {
    const { DAYS, END_OF_TICK } = require(join(BENCH, 'memory', 'days.js'));
    for (const { name, steps } of DAYS) {
      const live = new Set();
      const again = steps(0.02);
      for (const tick of steps(0.02)) {
        assert.deepEqual(tick, again.next().value, name);
        for (let at = 0; tick[at] !== END_OF_TICK; at += 2) {
          assert.equal(live.has(tick[at]), tick[at + 1] === 0, name);
          if (!live.delete(tick[at])) live.add(tick[at]);
        }
      }
    }
  });

  it('says which cases there are when one is unknown', () => {
    const { status, stderr } = bench('--only', 'no-such-case');
    assert.equal(status, 2);
    assert.match(stderr, /no case "no-such-case"; there are random-mixed, /);
  });

  it('random_mixed allocates what its definition says, to the unit', () => {
    const { playRandomMixed } = require(join(BENCH, 'cases', 'random-mixed.js'));
    const { Arena } = require(join(ROOT, 'dist', 'index.js'));
    const arena = new Arena();
    const rival = { alloc: (n) => arena.allocUnsafe(n), free: (view) => arena.free(view) };
    playRandomMixed({ iterations: 20_000, slots: 256, seed: 1, min: 16, max: 1024 }, rival);
    const { classes } = arena.stats();
    assert.deepEqual(
      classes.slice(0, 8).map(({ allocs }) => allocs),
      [0, 10, 148, 341, 720, 1414, 2749, 5683],
    );
    assert.equal(
      classes.reduce((live, row) => live + row.live, 0),
      0,
    );
  });

  it('no length comes back in a cycle before all others were there', () => {
    const { cycling } = require(join(BENCH, 'lengths.js'));
    const lengthAt = cycling(16, 1024);
    const seen = new Set(Array.from({ length: 1009 }, (_, step) => lengthAt(0, step, 0)));
    assert.deepEqual([seen.size, Math.min(...seen), Math.max(...seen)], [1009, 16, 1024]);
  });

  it('summarizes runs by median and spread', () => {
    const { summarize } = require(join(BENCH, 'report', 'record.js'));
    const runs = [30, 10, 20, 40].map((ns) => ({ ns }));
    assert.deepEqual(summarize(runs, 'ns'), { median: 25, lowest: 10, highest: 40 });
    assert.equal(summarize(runs, 'other'), undefined);
  });

  it('has written every figure that the pages show', () => {
    const { figuresOf, readRuns, withFigures } = require(join(BENCH, 'report', 'figures.js'));
    for (const [page, figures] of figuresOf(readRuns(join(ROOT, 'bench', 'results')))) {
      const text = readFileSync(join(ROOT, page), 'utf8');
      assert.equal(text, withFigures(page, text, figures), `${page}: npm run bench -- --render`);
    }
  });

  it('renders recorded runs of Buffers between threads, and says how to record one', () => {
    const { channelPage } = require(join(BENCH, 'channel', 'report.js'));
    assert.match(channelPage([]), /## Between threads\n\nNone is recorded yet.*--channel --json/);
    const run = (perSecond) => ({ perSecond, cpuUs: 1.5 });
    const record = {
      about: { node: 'v22.0.0', machine: 'a machine', runs: 3, command: 'npm run bench' },
      results: [
        { rival: 'channel', length: 256, runs: [run(100), run(2_000_000), run(3_000_000)] },
        { rival: 'channel', length: 1024 * 1024, runs: [run(100_000)] },
        { rival: 'copy', length: 256, runs: [run(400_000)] },
      ],
    };
    const page = channelPage([record]);
    assert.match(page, /Node 22.0.0, a machine.*medians of 3 runs/);
    assert.match(page, /\| {2}\| 256 B \| 1 MB \|\n\| --- \| --- \| --- \|/);
    assert.match(page, /\| channel \| 2,000 \(1.50 us\) \| 100 \(1.50 us\) \|/);
    assert.match(page, /\| copy \| 400 \(1.50 us, 5.00x\) \| {2}\|/);
  });

  it('renders a recorded run with what was missed and where others are faster', async () => {
    const { benchmarksPage } = require(join(BENCH, 'report', 'markdown.js'));
    const { throughputChart, toSvg } = require(join(BENCH, 'report', 'charts.js'));
    const results = Object.entries({ arena: 20, 'Buffer.allocUnsafe': 30, 'mimalloc in C': 10 });
    const run = {
      about: { node: 'v22.0.0', machine: 'a machine', runs: 1 },
      cases: [
        {
          name: 'uniform',
          about: 'a case',
          metrics: [{ name: 'ns', unit: 'ns', better: 'lower' }],
          targets: [{ metric: 'ns', against: 'Buffer.allocUnsafe', times: 2 }],
          results: results.map(([rival, ns]) => ({ rival, runs: [{ ns }] })),
        },
      ],
    };
    const page = benchmarksPage([run]);
    assert.match(
      page,
      /\| uniform \| ns \| Buffer.allocUnsafe \| 2.00x \| 1.50x \*\*missed\*\* \|/,
    );
    assert.match(page, /\| uniform \| mimalloc in C \| 0.50x \|/);
    assert.match(page, /\| Buffer.allocUnsafe \| 30.0 \(30.0..30.0\) \| 1.50x \|/);
    const { readmeFigures } = require(join(BENCH, 'report', 'markdown-readme.js'));
    assert.match(readmeFigures(run), /\| uniform 16 to 1024 B \| 20.0 \| 30.0 \(1.5x\)/);
    assert.match(await toSvg(throughputChart(run)), /^<svg .*mimalloc in C/s);
  });
});
