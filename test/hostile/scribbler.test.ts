/**
 * A program that writes all over its ArrayBuffers, from this thread and from those of Node's pool.
 */
import { expect, test } from '@jest/globals';
import { runFile } from '../unit/support/child';

const SEEDS = [1, 2];
const STEPS = Number(process.env['SCRIBBLER_STEPS'] ?? 40_000);

const MODES = ['{}', '{"views":"fresh","zero":"free"}', '{"sizeClasses":[16,512,4096]}'];

test.each(MODES.flatMap((mode) => SEEDS.map((seed) => [mode, seed] as const)))(
  'loses its own data and nothing else: %s, seed %i',
  async (mode, seed) => {
    const args = [String(seed), String(STEPS), mode];
    const { exitCode, signal, stdout, stderr } = await runFile('test/hostile/scribbler.mjs', args);
    expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ calls: STEPS, problems: [] });
  },
);
