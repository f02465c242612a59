/**
 * Every kind of stream, ended in every way, while the arena is overwritten behind its back.
 */
import { expect, test } from '@jest/globals';
import { runFile } from '../unit/support/child';

const ENDINGS = Number(process.env['TORTURE_ENDINGS'] ?? 300);

test(
  'no stream sends a byte of somebody else, and none keeps memory',
  async () => {
    const args = ['--endings', String(ENDINGS), '--seed', String(ENDINGS), '--parallel', '16'];
    const options = { timeoutMs: 55_000 + 50 * ENDINGS };
    const { exitCode, signal, stdout, stderr } = await runFile(
      'test/hostile/torture/main.mjs',
      args,
      options,
    );
    const { endings, foreign, problems } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ endings, foreign, problems }).toEqual({ endings: ENDINGS, foreign: 0, problems: [] });
    expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: null, stderr: '' });
  },
  60_000 + 50 * ENDINGS,
);
