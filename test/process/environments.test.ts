/**
 * Environments that Node can run a program in: what is refused is refused with a clear error, and nothing
 * crashes at an end that comes early.
 */
import { describe, expect, test } from '@jest/globals';
import { type ChildResult, resultOf, runScript } from '../unit/support/child';

/** `--permission` had another name before Node 22.13. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';

const LOAD = `
  let code = '', message = '';
  try {
    const { Arena } = require('hakmem-arena');
    const arena = new Arena();
    arena.free(arena.alloc(100));
    arena.destroy();
  } catch (error) { ({ code, message } = error); }
  console.log(JSON.stringify({ code, message }));`;

describe('the permission model', () => {
  test('without --allow-addons, where the addon is a must: an error that names the switch', async () => {
    const nodeArguments = [PERMISSION, '--allow-fs-read=*'];
    const env = { HAKMEM_BACKEND: 'native' };
    const { code, message } = await resultOf<Record<string, string>>(LOAD, { nodeArguments, env });
    expect(code).toBe('ERR_HAKMEM_NATIVE_LOAD');
    expect(message).toContain('--allow-addons');
  });

  test('with --allow-addons: works', async () => {
    const nodeArguments = [PERMISSION, '--allow-fs-read=*', '--allow-addons'];
    expect(await resultOf(LOAD, { nodeArguments })).toEqual({ code: '', message: '' });
  });
});

/** Modes that have something to lose at an early end. */
const MODES = ['{}', "{ views: 'fresh', guard: { sampleRate: 1 }, leaks: 'all', zero: 'free' }"];

describe.each(MODES)('an arena with %s', (mode) => {
  const SETUP = `
    const { Arena } = require('hakmem-arena');
    const arena = new Arena(${mode});
    const kept = arena.retain(arena.alloc(1000));
    const large = arena.alloc(100_000);
    arena.free(arena.alloc(50));`;

  const expectEnd = ({ exitCode, signal, stderr }: ChildResult, code: number): void => {
    expect({ exitCode, signal, stderr: code === 1 ? '' : stderr }).toEqual({
      exitCode: code,
      signal: null,
      stderr: '',
    });
  };

  test('ends quietly by process.exit in the middle of a scope', async () => {
    const result = await runScript(`${SETUP}
      arena.scope((scope) => {
        arena.retain(scope.alloc(2000));
        scope.alloc(1_000_000);
        process.exit(7);
      });`);
    expectEnd(result, 7);
  });

  test('ends by an exception in a scope with its stack, and nothing else', async () => {
    const result = await runScript(`${SETUP}
      arena.scope((scope) => { scope.alloc(100); throw new Error('thrown in a scope'); });`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('thrown in a scope');
  });

  test('survives an exception that is caught by the process', async () => {
    const result = await runScript(`${SETUP}
      process.once('uncaughtException', () => {
        const view = arena.alloc(100, 1);
        console.log(view.equals(Buffer.alloc(100, 1)));
        arena.release(kept);
        arena.destroy();
      });
      const scope = arena.openScope();
      scope.alloc(100);
      throw new Error('caught');`);
    expectEnd(result, 0);
    expect(result.stdout).toBe('true\n');
  });

  test('ends quietly when it was destroyed or reset while views are retained', async () => {
    for (const method of ['destroy', 'reset']) {
      expectEnd(await runScript(`${SETUP} arena.${method}();`), 0);
      expectEnd(await runScript(`${SETUP} arena.${method}(); arena.release(kept);`), 0);
    }
  });

  test('ends quietly with writes under way that will free', async () => {
    const result = await runScript(`${SETUP}
      const fs = require('node:fs');
      const stream = fs.createWriteStream('/dev/null');
      for (let i = 0; i < 50; i++) void arena.freeAfterWrite(stream, arena.alloc(100_000));
      setImmediate(() => process.exit(0));`);
    expectEnd(result, 0);
  });

  test('works on Buffers of a vm context, also after the context is gone', async () => {
    const result = await runScript(
      `${SETUP}
      const vm = require('node:vm');
      let context = vm.createContext({ arena, console });
      const view = vm.runInContext(\`
        var made = arena.from(new Uint8Array([1, 2, 3]));
        arena.retain(made);
        var promise = arena.freeAfter(arena.alloc(10), new Promise((done) => done(5)));
        made;\`, context);
      context.promise.then((value) => {
        context = undefined;
        gc();
        console.log(value, [...view].join());
        arena.release(view);
        arena.free(view);
        arena.free(large);
      });`,
      { nodeArguments: ['--expose-gc'] },
    );
    expectEnd(result, 0);
    expect(result.stdout).toBe('5 1,2,3\n');
  });

  test('ends with the worker that made it, terminated at any moment', async () => {
    const result = await resultOf<{ arenas: number; committed: number }>(`
      const { Worker } = require('node:worker_threads');
      const { heapStats } = require('hakmem-arena');
      const source = \`
        const { Arena } = require('hakmem-arena');
        const arena = new Arena(${mode});
        const held = [];
        for (let i = 0; ; i++) {
          const view = arena.alloc(i % 3000, 1);
          if (i % 7 === 0) arena.retain(view);
          if (i % 7 === 0 || i % 5 === 0) held.push(view); else arena.free(view);
          if (held.length > 200) { held.length = 0; arena.reset(); }
        }\`;
      (async () => {
        for (let i = 0; i < 25; i++) {
          const worker = new Worker(source, { eval: true });
          await new Promise((resolve) => worker.once('online', resolve));
          await new Promise((resolve) => setTimeout(resolve, i));
          await worker.terminate();
        }
        const { arenas, totals } = heapStats();
        console.log(JSON.stringify({ arenas: arenas.length, committed: totals.bytes.committed }));
      })();`);
    expect(result).toEqual({ arenas: 0, committed: 0 });
  });
});
