/**
 * Pollution: what somebody wrote to Object.prototype changes nothing that the package does. Everything runs
 * in child processes, with it and without it.
 */
import { describe, expect, test } from '@jest/globals';
import { Arena } from '../../lib/index';
import { createMonitor } from '../../lib/monitor';
import { collectHeapStats } from '../../lib/monitor/prometheus';
import { type ChildOptions, type ChildResult, runFile } from '../unit/support/child';

const PRELOAD = ['--require', './test/hostile/pollution.cjs'];

type Seen = readonly (readonly [what: string, value: unknown])[];

async function seenBy(options: ChildOptions): Promise<Seen> {
  const { exitCode, stdout, stderr } = await runFile('test/hostile/whole-surface.mjs', [], options);
  if (exitCode !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Seen;
}

test('the whole package does what it always does', async () => {
  const [clean, polluted] = await Promise.all([seenBy({}), seenBy({ env: { POLLUTED: 'all' } })]);
  expect(clean.length).toBeGreaterThan(80);
  expect(polluted).toEqual(clean);
});

describe('the command line does what it always does:', () => {
  function cli(args: readonly string[], options: ChildOptions): Promise<ChildResult> {
    return runFile('dist/cli/main.js', args, { ...options, nodeArguments: PRELOAD });
  }

  const withoutNumbers = (text: string): string =>
    text.replaceAll(/[\d.]+/g, 'N').replaceAll(/ +/g, ' ');

  async function expectSame(args: readonly string[]): Promise<void> {
    const [clean, polluted] = await Promise.all([
      cli(args, {}),
      cli(args, { env: { POLLUTED: 'program' } }),
    ]);
    expect(polluted.exitCode).toBe(clean.exitCode);
    expect(withoutNumbers(polluted.stdout)).toBe(withoutNumbers(clean.stdout));
    expect(withoutNumbers(polluted.stderr)).toBe(withoutNumbers(clean.stderr));
  }

  test.each([
    [['--version']],
    [['doctor']],
    [['doctor', '--none']],
    [['none']],
    [['demo', '--port', '0', '--seconds', '0.2']],
    [['bench', '--case', 'always 256 B', '--rival', 'arena', '--rounds', '1']],
  ])('%j', async (args) => expectSame(args));

  test('top', async () => {
    const server = await createMonitor({ title: 'polluted?' }).listen({ port: 0 });
    await expectSame(['top', '--url', server.url, '--count', '1']);
    await server.close();
  });
});

describe('options are own properties:', () => {
  test('those of a prototype are not asked', () => {
    const inherited = Object.create({ maxBytes: 65_536, views: 'none', guard: 5 }) as object;
    const arena = new Arena(inherited);
    expect(arena.stats().maxBytes).toBe(0);
    arena.destroy();
    createMonitor(Object.create({ title: 5 }) as object);
    expect(() => collectHeapStats(undefined, Object.create({ prefix: 5 }) as object)).not.toThrow();
  });

  test('each is read once', () => {
    let reads = 0;
    const options = {
      get name(): string {
        return `read-${++reads}`;
      },
    };
    const arena = new Arena(options);
    expect([arena.name, reads]).toEqual(['read-1', 1]);
    arena.destroy();
  });
});
