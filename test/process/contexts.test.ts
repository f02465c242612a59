import { describe, expect, test } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

const onSharedCore = onlyNative('each copy and each thread has a core of its own');

describe('the addon loaded more than once', () => {
  onSharedCore(
    'as a second copy of the package: arenas of both are apart, and both are seen',
    async () => {
      const report = await resultOf<Record<string, unknown>>(`
      const first = require('hakmem-arena');
      for (const file of Object.keys(require.cache)) {
        if (!file.endsWith('.node')) delete require.cache[file];
      }
      const second = require('hakmem-arena');
      const [a, b] = [new first.Arena({ name: 'a' }), new second.Arena({ name: 'b' })];
      const view = a.alloc(100, 1);
      let code;
      try { b.free(view); } catch (error) { code = error.code; }
      const names = (it) => it.heapStats().arenas.map(({ name }) => name);
      const report = { apart: first.Arena !== second.Arena, code, owns: b.owns(view) };
      report.names = [names(first), names(second)];
      a.destroy();
      report.later = names(second);
      report.alive = b.alloc(100, 2).equals(Buffer.alloc(100, 2));
      console.log(JSON.stringify(report));`);
      expect(report).toEqual({
        apart: true,
        code: 'ERR_HAKMEM_NOT_OWNED',
        owns: false,
        names: [
          ['a', 'b'],
          ['a', 'b'],
        ],
        later: ['b'],
        alive: true,
      });
    },
  );

  test('in environments of its own: each has its tables, one core counts them all', async () => {
    const report = await resultOf<Record<string, unknown>>(`
      const path = require('node-gyp-build').path(process.cwd());
      const load = () => { const it = { exports: {} }; process.dlopen(it, path); return it.exports; };
      const [one, two] = [load(), load()];
      const [a, b] = [one.createArena('one'), two.createArena('two')];
      const namesIn = (it) => [a, b].map(({ serial }) => it.arenaInfo(serial)?.name ?? null);
      const report = {
        exchanges: one.exchange !== two.exchange,
        serials: b.serial > a.serial,
        seen: [one, two].map((it) => namesIn(it)),
      };
      report.refill = [one.refill(a.id, 3, 5), two.refill(b.id, 3, 7)];
      one.destroyArena(a.id);
      report.left = namesIn(two);
      report.again = two.refill(b.id, 3, 1);
      console.log(JSON.stringify(report));`);
    expect(report).toEqual({
      exchanges: true,
      serials: true,
      seen: [
        ['one', 'two'],
        ['one', 'two'],
      ],
      refill: [5, 7],
      left: [null, 'two'],
      again: 1,
    });
  });

  test('in a vm context works on that context', async () => {
    const report = await resultOf<Record<string, unknown>>(`
      const vm = require('node:vm');
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const context = vm.createContext({ arena, Buffer });
      const view = vm.runInContext('arena.alloc(100, 5)', context);
      const typed = vm.runInContext('arena.from(new Uint8Array([1, 2, 3]))', context);
      let code;
      try { vm.runInContext('arena.allocTyped(Float64Array, 4)', context); }
      catch (error) { code = error.code; }
      vm.runInContext('arena.free(arena.alloc(10))', context);
      console.log(JSON.stringify({
        same: view.equals(Buffer.alloc(100, 5)), typed: [...typed], owns: arena.owns(view), code,
      }));`);
    expect(report).toEqual({
      same: true,
      typed: [1, 2, 3],
      owns: true,
      // A constructor of another realm is not the engine's own as this one knows it.
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  onSharedCore('in the main thread and in workers, one after the other', async () => {
    const counts = await resultOf<number[]>(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      const { Arena, heapStats } = require('hakmem-arena');
      const source = \`
        const { parentPort } = require('node:worker_threads');
        const { Arena, heapStats } = require('hakmem-arena');
        const arena = new Arena();
        arena.alloc(1000);
        parentPort.postMessage(heapStats().arenas.length);\`;
      (async () => {
        const own = new Arena();
        own.alloc(1000);
        const counts = [];
        for (let i = 0; i < 6; i++) {
          const worker = new Worker(source, { eval: true });
          const ended = once(worker, 'exit');
          counts.push((await once(worker, 'message'))[0]);
          await ended;
          counts.push(heapStats().arenas.length);
        }
        console.log(JSON.stringify(counts));
      })();`);
    expect(counts).toEqual([2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
  });
});
