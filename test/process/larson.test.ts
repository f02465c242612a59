/**
 * larson: threads that leave the Buffers they have to a successor, who frees them.
 */
import { expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { runFile } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

/** At full scale in tools/test/full.mjs. */
const THREADS = process.env['LARSON_THREADS'] ?? '4';
const STEPS = process.env['LARSON_STEPS'] ?? '5000';
const TIMEOUT_MS = 60_000 + Number(THREADS) * (2000 + Number(STEPS) / 50);

test(
  `two chains of ${THREADS} threads free what their predecessors left, and all of it is counted as remote`,
  async () => {
    const { stdout, stderr } = await runFile('test/process/larson.mjs', ['2', THREADS, STEPS], {
      timeoutMs: TIMEOUT_MS,
    });
    expect(stderr).toBe('');
    const { released, local, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
    const steps = 2 * Number(THREADS) * Number(STEPS);
    // All but the first thread of a chain inherit a thousand Buffers.
    const inherited = 2 * (Number(THREADS) - 1) * 1000;
    expect(released).toBe(inherited);
    expect(rest).toEqual({ spoiled: 0, remote: inherited, differences: 0, arenas: [] });
    expect(local).toBeLessThan(steps);
  },
  TIMEOUT_MS,
);
