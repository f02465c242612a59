/**
 * Channel memory: whatever somebody else writes there, nobody crashes, and nobody gets what was not sent.
 */
import { expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { runFile } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

test.each(['1', '2', '3'])(
  'garbage is refused, and no foreign byte arrives (seed %s)',
  async (seed) => {
    const args = ['150', seed];
    const { stdout, stderr, signal } = await runFile('test/hostile/channel-memory.mjs', args);
    expect({ stderr, signal }).toEqual({ stderr: '', signal: null });
    const { errors, received, ...rest } = JSON.parse(stdout) as {
      errors: Record<string, number>;
      received: number;
    };
    expect(rest).toEqual({ foreign: 0, isWhole: true, ok: true, away: 0, used: 0 });
    expect(received).toBeGreaterThan(1000);
    expect(Object.keys(errors).sort()).toEqual([
      'ERR_HAKMEM_CHANNEL_CLOSED',
      'ERR_HAKMEM_CHANNEL_DAMAGED',
    ]);
  },
);
