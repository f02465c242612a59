/**
 * Random calls on several arenas and workers at once, with a shadow that knows who may see which byte.
 */
import { expect, test } from '@jest/globals';
import { runFile } from '../unit/support/child';

const SECONDS = Number(process.env['LIFETIMES_SECONDS'] ?? 10);

test(
  'nobody sees a byte that is not theirs, and no call fails without a code',
  async () => {
    const { exitCode, signal, stdout } = await runFile(
      'test/hostile/lifetimes/main.mjs',
      ['--seconds', String(SECONDS), '--seed', String(SECONDS)],
      { nodeArguments: ['--expose-gc'], timeoutMs: 60_000 + 2000 * SECONDS },
    );
    const { problems } = JSON.parse(stdout) as { problems: string[] };
    expect({ exitCode, signal, problems }).toEqual({ exitCode: 0, signal: null, problems: [] });
  },
  90_000 + 2000 * SECONDS,
);
