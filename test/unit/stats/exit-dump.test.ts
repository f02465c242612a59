import { describe, expect, test } from '@jest/globals';
import { runScript } from '../support/child';

const USE = `
  const { Arena } = require('hakmem-arena');
  const arena = new Arena();
  arena.allocUnsafe(1000);`;

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

describe('at exit', () => {
  test('nothing is printed unless asked for', async () => {
    const { exitCode, stdout, stderr } = await runScript(USE);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('HAKMEM_TINY_HEAP_STATS_DUMP prints the classes', async () => {
    const env = { HAKMEM_TINY_HEAP_STATS_DUMP: '1' };
    const { exitCode, stdout, stderr } = await runScript(USE, { env });
    expect(exitCode).toBe(0);
    expect(stdout).toBe('');
    const lines = linesOf(stderr);
    expect(lines.length).toBe(16);
    expect(lines.every((line) => line.startsWith('HEAP_STATS['))).toBe(true);
    expect(lines[7]).toMatch(/^HEAP_STATS\[7\] fast=0 slow=1 /);
  });

  test('HAKMEM_SS_STATS_DUMP prints the SuperSlabs', async () => {
    const { stderr } = await runScript(USE, { env: { HAKMEM_SS_STATS_DUMP: '1' } });
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^\[SS_STATS\] live=1 /),
      '[SS_STATS] class=7 live=1 empty_events=0',
    ]);
  });

  test('HAKMEM_SS_OS_STATS prints the calls to the system', async () => {
    const { stderr } = await runScript(USE, { env: { HAKMEM_SS_OS_STATS: '1' } });
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^\[SS_OS_STATS\] alloc=[1-9]\d* /)]);
  });

  test.each([
    ['HAKMEM_TINY_STATS_DUMP', /^\[TINY_STATS\] class=7 current=0 .* os=1 /],
    [
      'HAKMEM_TINY_C7_PAGE_STATS_DUMP',
      /^\[C7_PAGE_STATS\] prepare_calls=1 prepare_with_current_null=1 /,
    ],
    ['HAKMEM_WARM_STATS_DUMP', /^\[WARM\] class=7 hits=0 misses=1 prefilled=0$/],
    ['HAKMEM_MEM_STATS_DUMP', /^\[MEM_STATS\] user=\d+ front=\d+ /],
    ['HAKMEM_CACHE_STATS_DUMP', /^\[CACHE_STATS\] hits=0 misses=1 /],
    ['HAKMEM_LOCK_STATS_DUMP', /^\[LOCK_STATS\] acquired=[1-9]\d* contended=0$/],
    ['HAKMEM_SS_OS_STATS_DUMP', /^\[SS_OS_STATS\] alloc=[1-9]\d* /],
    ['HAKMEM_FRONT_STATS_DUMP', /^\[FRONT\] class=7 .* drains=0 drained_blocks=0$/],
    ['HAKMEM_DECAY_STATS_DUMP', /^\[DECAY\] dirty=\d+ decayed=0 /],
    ['HAKMEM_POLICY_STATS_DUMP', /^\[POLICY\] purge_delay_ms=2000 /],
  ])('%s prints one line', async (name, line) => {
    const { stderr } = await runScript(USE, { env: { [name]: '1' } });
    expect(linesOf(stderr)).toEqual([expect.stringMatching(line)]);
  });

  test('all three print all', async () => {
    const env = {
      HAKMEM_TINY_HEAP_STATS_DUMP: '1',
      HAKMEM_SS_STATS_DUMP: '1',
      HAKMEM_SS_OS_STATS: '1',
    };
    expect(linesOf((await runScript(USE, { env })).stderr).length).toBe(19);
  });

  test('0 and nothing are off', async () => {
    const env = { HAKMEM_TINY_HEAP_STATS_DUMP: '0', HAKMEM_SS_OS_STATS: '' };
    expect((await runScript(USE, { env })).stderr).toBe('');
  });

  test('process.exit and an uncaught exception print as well', async () => {
    const env = { HAKMEM_SS_OS_STATS: '1' };
    const exited = await runScript(`${USE} process.exit(3);`, { env });
    expect(exited.exitCode).toBe(3);
    expect(exited.stderr).toContain('[SS_OS_STATS]');
    const thrown = await runScript(`${USE} throw new Error('mine');`, { env });
    expect(thrown.exitCode).toBe(1);
    expect(thrown.stderr).toContain('mine');
    expect(thrown.stderr).toContain('[SS_OS_STATS]');
  });

  test('a worker prints nothing of its own', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      ${USE}
      new Worker(\`${USE}\`, { eval: true });`;
    const { stderr } = await runScript(script, { env: { HAKMEM_SS_OS_STATS: '1' } });
    expect(linesOf(stderr).length).toBe(1);
  });
});

describe('a switch whose value means nothing', () => {
  const warningsIn = (stderr: string): string[] =>
    linesOf(stderr).filter((line) => line.includes('HAKMEM_BAD_OPTION'));

  test('is one warning that names it, in the main thread alone', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      ${USE}
      require('hakmem-arena');
      new Worker(\`${USE}\`, { eval: true });`;
    const { exitCode, stderr } = await runScript(script, { env: { HAKMEM_SS_OS_STATS: 'yes' } });
    expect(exitCode).toBe(0);
    expect(warningsIn(stderr)).toEqual([expect.stringContaining('HAKMEM_SS_OS_STATS=yes')]);
    expect(stderr).not.toContain('[SS_OS_STATS]');
  });

  test('is one warning each', async () => {
    const env = {
      HAKMEM_FREE_POLICY: 'sometimes',
      HAKMEM_SUPERSLAB_TTL_SEC: '-5',
      HAKMEM_SUPERSLAB_MAX_CACHED: '1e3',
      HAKMEM_SS_STATS_DUMP: '2',
    };
    const { stderr } = await runScript(USE, { env });
    const warnings = warningsIn(stderr);
    expect(warnings.length).toBe(4);
    for (const name of Object.keys(env)) {
      expect(warnings.filter((line) => line.includes(name)).length).toBe(1);
    }
  });

  test.each(['legacy', 'c5_7_only', 'tinyplus_all', 'bench', 'larson_guard'])(
    'the profile %s of old is the default, and one warning says so',
    async (profile) => {
      const env = { HAKMEM_TINY_POLICY_PROFILE: profile };
      const { exitCode, stderr } = await runScript(USE, { env });
      expect(exitCode).toBe(0);
      expect(linesOf(stderr)[0]).toContain('[HAKMEM_PROFILE] Warning');
      expect(linesOf(stderr)[0]).toContain(`${profile} is default here: `);
    },
  );

  test.each(['default', 'lean'])('the profile %s is no reason to warn', async (profile) => {
    const env = { HAKMEM_TINY_POLICY_PROFILE: profile };
    expect((await runScript(USE, { env })).stderr).toBe('');
  });

  test('a variable of nobody is no concern', async () => {
    expect((await runScript(USE, { env: { HAKMEM_UNKNOWN: 'x' } })).stderr).toBe('');
  });
});
