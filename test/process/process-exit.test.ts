import { describe, expect, test } from '@jest/globals';
import { type ChildResult, runScript } from '../unit/support/child';

/** Arenas with views of every kind, beside this much other external memory. */
const setup = (ballastBytes: number): string => `
  const { Arena } = require('hakmem-arena');
  const ballast = Buffer.alloc(${ballastBytes});
  const arena = new Arena();
  const views = [arena.alloc(100), arena.alloc(100_000), arena.alloc(3_000_000),
    arena.allocTyped(Float64Array, 1000)];
  for (let i = 0; i < 2000; i++) views.push(arena.alloc(1000));
  arena.free(arena.alloc(50));`;

function expectEnd(result: ChildResult, exitCode: number): void {
  const { signal, stderr } = result;
  expect({ exitCode: result.exitCode, signal, stderr: exitCode === 1 ? '' : stderr }).toEqual({
    exitCode,
    signal: null,
    stderr: '',
  });
}

// V8 keeps an account of external memory, and ends the process when it goes below zero.
describe.each([0, 64 * 1024 * 1024])('a process that ends beside %i bytes of others', (ballast) => {
  const SETUP = setup(ballast);

  test('with live arenas and views ends quietly', async () => {
    expectEnd(await runScript(SETUP), 0);
  });

  test('after a collection ends quietly', async () => {
    const script = `${SETUP}
      views.length = 0;
      gc();
      setImmediate(() => gc());`;
    expectEnd(await runScript(script, { nodeArguments: ['--expose-gc'] }), 0);
  });

  test('after a reset, a trim and a destroy ends quietly', async () => {
    const result = await runScript(`${SETUP}
      for (const view of views) arena.free(view);
      arena.trim();
      for (let i = 0; i < 2000; i++) arena.alloc(1000);
      arena.reset();
      arena.alloc(1000);
      arena.destroy();`);
    expectEnd(result, 0);
  });

  test('with a slab that was taken away ends quietly', async () => {
    const result = await runScript(`${SETUP}
      process.removeAllListeners('warning');
      const give = (view) => new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
      const streams = views.slice(0, 3).map(give);
      arena.alloc(100);
      arena.reset();
      streams.push(give(arena.alloc(100)));`);
    expectEnd(result, 0);
  });

  test('by process.exit inside a scope keeps its exit code', async () => {
    const result = await runScript(`${SETUP}
      arena.scope((scope) => { scope.alloc(100); process.exit(7); });`);
    expectEnd(result, 7);
  });

  test('by process.exit inside an asynchronous scope keeps its exit code', async () => {
    const result = await runScript(`${SETUP}
      arena.scope(async (scope) => {
        scope.alloc(100);
        await new Promise((resolve) => setTimeout(resolve, 5));
        process.exit(8);
      });`);
    expectEnd(result, 8);
  });

  test('by an uncaught exception shows that exception', async () => {
    const result = await runScript(`${SETUP}
      arena.scope((scope) => { scope.alloc(100); throw new Error('not caught'); });`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('Error: not caught');
  });

  test('by an error of ours shows its code', async () => {
    const result = await runScript(`${SETUP} arena.free(views[0]); arena.free(views[0]);`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('ERR_HAKMEM_DOUBLE_FREE');
  });

  test('by an unhandled rejection in a scope shows it', async () => {
    const result = await runScript(`${SETUP}
      arena.scope(async (scope) => { scope.alloc(9); throw new Error('rejected'); });`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('Error: rejected');
  });

  test('and allocates, frees and destroys while it exits', async () => {
    const result = await runScript(`${SETUP}
      process.on('exit', () => {
        arena.free(views[0]);
        arena.reset();
        arena.alloc(1000);
        arena.destroy();
        new Arena().alloc(100);
        console.log('done');
      });`);
    expectEnd(result, 0);
    expect(result.stdout).toBe('done\n');
  });

  test('with I/O on an arena under way ends quietly', async () => {
    const result = await runScript(`${SETUP}
      const fs = require('node:fs');
      const descriptor = fs.openSync(process.execPath);
      for (let i = 0; i < 8; i++) {
        fs.read(descriptor, arena.allocUnsafe(1_000_000), 0, 1_000_000, 0, () => {});
      }
      process.exit(0);`);
    expectEnd(result, 0);
  });

  test('by a signal ends by that signal', async () => {
    const result = await runScript(`${SETUP} process.kill(process.pid, 'SIGTERM');`);
    expect(result.exitCode).toBeNull();
    expect(result.signal).toBe('SIGTERM');
  });
});
