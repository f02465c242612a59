/**
 * Memory after many workers that were terminated at random moments, each with an arena of 10 MB. With
 * TERMINATED_WORKERS=1000, at full scale.
 */
import { expect, test } from '@jest/globals';
import { IS_WASM, onlyNative } from '../unit/support/backend';
import { runFile } from '../unit/support/child';

interface Look {
  readonly rss: number;
  readonly mapped: number;
}

interface Report {
  readonly start: Look;
  readonly end: Look;
  readonly arenas: number;
  readonly committed: number;
}

/** On WebAssembly an ended worker's ArrayBuffers are the engine's, and libc keeps some of their pages. */
const MORE_MB = IS_WASM ? 24 : 8;
const COUNT = Number(process.env['TERMINATED_WORKERS'] ?? 60);

/** Node 20 aborts by itself (NodePlatform::ForIsolate) when it ends a worker while V8 compiles its code. */
const NODE_MAJOR = Number(process.versions.node.split('.')[0]);
const fromNode22 = NODE_MAJOR < 22 ? onlyNative('Node 20 aborts when such a worker ends') : test;

fromNode22(
  `${COUNT} workers with 10 MB each leave nothing behind`,
  async () => {
    const script = 'test/process/workers-terminated.mjs';
    const timeoutMs = 10_000 + COUNT * 1000;
    const result = await runFile(script, [String(COUNT)], { timeoutMs });
    const { exitCode, signal, stdout, stderr } = result;
    expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: null, stderr: '' });
    const { start, end, arenas, committed } = JSON.parse(stdout) as Report;
    // The arena of the main thread.
    expect({ arenas, committed }).toEqual({ arenas: 1, committed: 2 * 1024 * 1024 });
    expect(end.rss).toBeLessThanOrEqual(Math.max(start.rss * 1.05, start.rss + MORE_MB));
  },
  20_000 + COUNT * 1000,
);
