/**
 * Channels between threads: whoever ends, and however, nothing is lost; and nobody stays awake or asleep for nothing.
 */
import { describe, expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf, runFile, runScript } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

/** Both at full scale in tools/test/full.mjs. */
const MESSAGES = process.env['CHANNEL_MESSAGES'] ?? '5000';
const WORKERS = process.env['CHANNEL_WORKERS'] ?? '30';
const SOAK_MS = 30_000 + Number(MESSAGES) * 2 + Number(WORKERS) * 1000;

test(
  `${MESSAGES} messages and ${WORKERS} workers that end at random lose and spoil nothing`,
  async () => {
    const file = 'test/process/channel-soak.mjs';
    const seed = process.env['CHANNEL_SEED'] ?? '1';
    const { stdout, stderr } = await runFile(file, [MESSAGES, WORKERS, seed], {
      timeoutMs: SOAK_MS,
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      spoiled: 0,
      disorder: 0,
      away: 0,
      bytesAway: 0,
      used: 0,
      live: 0,
      lost: [],
      differences: [],
      arenas: ['main'],
    });
  },
  SOAK_MS,
);

describe('no wake-up is lost', () => {
  test.each([
    ['who ask each other, 256 at a time', 'ask', 60_000, 256],
    ['who ask each other, one at a time', 'ask', 20_000, 1],
    ['whose channel is nearly always full', 'flow', 30_000, 2],
  ] as const)('by two threads %s', async (_name, mode, total, window) => {
    const args = [mode, String(total), String(window)];
    const result = await runFile('test/process/channel-ping-pong.mjs', args);
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual({ results: [total, total], away: 0, left: 0 });
  });
});

const IN_MAIN = `
  const { Worker, MessageChannel } = require('node:worker_threads');
  const { once } = require('node:events');
  const { Arena, Channel, heapStats } = require('hakmem-arena');
  const arena = new Arena();
  const exitOf = (worker) => new Promise((resolve) => {
    worker.on('error', () => {});
    worker.on('exit', resolve);
  });
  const start = (source, theirs, more = {}) => new Worker(source,
    { eval: true, workerData: { theirs, ...more }, transferList: [theirs.port] });`;

const IN_WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Arena, Channel } = require('hakmem-arena');
  const arena = new Arena({ name: 'worker' });
  const end = Channel.open(workerData.theirs, arena);`;

describe('an end keeps the event loop', () => {
  const OPEN = `${IN_MAIN}
    const [one, other] = new Channel({ capacity: 300 }).ends;
    const end = Channel.open(one, arena);
    const full = () => { while (end.send(arena.allocUnsafe(1))); return end.ready(); };
    const flood = () => {
      const from = Channel.open(other, arena).unref();
      for (let i = 0; i < 300; i++) from.send(arena.alloc(1));
    };`;

  const ALIVE = [
    '',
    'end.receive(() => {});',
    'end.unref().ref();',
    'end.unref(); end.receive(() => {}); end.ref();',
    'full().catch(() => {});',
    'Channel.open(other, arena).unref();',
  ];
  test.each(ALIVE)('alive (%s)', async (act) => {
    const source = `${OPEN} ${act}
      setTimeout(() => { console.log('alive'); end.close(); }, 300).unref();`;
    const { stdout, stderr, exitCode } = await runScript(source);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'alive\n', stderr: '', exitCode: 0 });
  });

  const NOT_ALIVE = [
    'end.unref();',
    'end.unref().receive(() => {});',
    'end.receive(() => {}); end.unref();',
    'end.unref(); full();',
    'flood(); end.unref().receive(() => {});',
    'end.unref().on("close", () => {}); end.receive(() => {});',
    'end.close();',
    'Channel.open(other, arena).close();',
    'end.receive(() => {}); end.close();',
    'end.unref().ref().unref();',
  ];
  test.each(NOT_ALIVE)('no longer than that (%s)', async (act) => {
    const source = `${OPEN} ${act}
      setTimeout(() => { console.log('alive'); process.exit(1); }, 5000).unref();`;
    const { stdout, stderr, exitCode } = await runScript(source);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  });

  test('of a worker as that of the main thread', async () => {
    const worker = `${IN_WORKER} end.unref(); end.receive(() => {}); parentPort.unref();`;
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const [ours, theirs] = new Channel({ threshold: 2048 }).ends;
        const end = Channel.open(ours, arena);
        const exit = exitOf(start(${JSON.stringify(worker)}, theirs));
        await once(end, 'close');
        console.log(JSON.stringify({ code: await exit, closed: end.closed }));
      })();`);
    expect(report).toEqual({ code: 0, closed: true });
  });

  test('and messages are delivered while something else does', async () => {
    const { stdout } = await runScript(`${OPEN}
      const from = Channel.open(other, arena).unref();
      end.unref();
      let count = 0;
      end.receive(() => { if (++count === 1000) console.log('all'); });
      let sent = 0;
      const more = () => {
        while (sent < 1000 && from.send(arena.alloc(1))) sent++;
        if (sent < 1000) from.ready().then(more);
      };
      more();
      setTimeout(() => {}, 1000);`);
    expect(stdout).toBe('all\n');
  });
});

describe('the other thread is gone, and its end says so:', () => {
  const WAYS: readonly (readonly [string, string])[] = [
    ['terminated while it waits', 'end.receive(() => {}); parentPort.postMessage("end");'],
    ['terminated in a loop', 'parentPort.postMessage("end"); for (;;);'],
    [
      'terminated while it adopts',
      `parentPort.postMessage("end");
       end.receive((buffer) => { kept.push(end.keep(buffer)); });`,
    ],
    [
      'terminated while it sends',
      `parentPort.postMessage("end");
       for (;;) { const view = arena.alloc(5000); if (!end.send(view)) arena.free(view); }`,
    ],
    ['by process.exit with messages in its hands', 'end.receive(() => process.exit(0));'],
    ['by an error', 'end.receive(() => { throw new Error("on purpose"); });'],
    ['by its own end', 'end.close();'],
  ];
  test.each(WAYS)('%s', async (_name, act) => {
    const worker = `${IN_WORKER} const kept = globalThis.kept = []; ${act}`;
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const [ours, theirs] = new Channel({ threshold: 2048 }).ends;
        const end = Channel.open(ours, arena);
        for (let i = 0; i < 200; i++) end.send(arena.alloc(i % 2 === 0 ? 5000 : 100, 1));
        const worker = start(${JSON.stringify(worker)}, theirs);
        const exit = exitOf(worker);
        worker.on('message', () => setTimeout(() => worker.terminate(), 20));
        await once(end, 'close');
        await exit;
        await new Promise((resolve) => setImmediate(resolve));
        arena.trim();
        const { lending, bytes } = arena.stats();
        const { depth } = end.stats();
        console.log(JSON.stringify({ away: lending.away, used: bytes.used, depth,
          ok: arena.verify().ok, arenas: heapStats().arenas.length }));
      })();`);
    expect(report).toEqual({ away: 0, used: 0, depth: 0, ok: true, arenas: 1 });
  });

  test('before it has opened its end', async () => {
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const ends = [];
        for (const source of ['', 'throw new Error("on purpose")', 'for (;;);']) {
          const [ours, theirs] = new Channel({ threshold: 2048 }).ends;
          const end = Channel.open(ours, arena);
          end.send(arena.alloc(5000));
          const worker = start(source, theirs);
          const exit = exitOf(worker);
          if (source.startsWith('for')) setTimeout(() => worker.terminate(), 50);
          await Promise.all([exit, once(end, 'close')]);
          ends.push(end.closed);
        }
        console.log(JSON.stringify({ ends, away: arena.stats().lending.away }));
      })();`);
    expect(report).toEqual({ ends: [true, true, true], away: 0 });
  });
});

describe('the lender', () => {
  const KEEPER = `${IN_WORKER}
    const kept = globalThis.kept = [];
    const isWhole = () => kept.every((it) => it.length === 5000 && it.every((byte) => byte === 7));
    end.receive((buffer, header, tag) => {
      if (tag === 'look') end.send(arena.from(String(isWhole())), [kept.length]);
      else if (tag === 'let go') for (const it of kept.splice(0)) end.release(it);
      else kept.push(end.keep(buffer));
    });`;
  const TALK = `${IN_MAIN}
    const connect = (arena) => {
      const [ours, theirs] = new Channel({ threshold: 2048 }).ends;
      const worker = start(${JSON.stringify(KEEPER)}, theirs);
      return { end: Channel.open(ours, arena), worker, exit: exitOf(worker) };
    };
    const answerOf = async (end) => {
      for await (const buffer of end) return [buffer.toString(), end.header[0]];
    };
    const until = async (isSo) => { while (!isSo()) await new Promise((r) => setTimeout(r, 5)); };`;

  test.each(['reset', 'destroy'])('may %s its arena while Buffers are away', async (act) => {
    const report = await resultOf<object>(`${TALK}
      (async () => {
        const lent = new Arena({ name: 'lent' });
        const { end, exit } = connect(lent);
        const other = connect(arena);
        for (let i = 0; i < 10; i++) end.send(lent.alloc(5000, 7));
        await end.drained();
        lent['${act}']();
        const more = Array.from({ length: 100 }, () => arena.alloc(5000, 9));
        let answer;
        if ('${act}' === 'reset') {
          for (let i = 0; i < 100; i++) lent.alloc(5000, 9);
          end.send(lent.alloc(1), [], 'look');
          answer = await answerOf(end);
          end.send(lent.alloc(1), [], 'let go');
          await until(() => lent.stats().lending.away === 0);
        }
        end.close();
        await exit;
        other.end.close();
        await other.exit;
        for (const view of more) arena.free(view);
        const names = heapStats().arenas.map(({ name }) => name);
        console.log(JSON.stringify({ answer, names }));
      })();`);
    expect(report).toEqual(
      act === 'reset'
        ? { answer: ['true', 10], names: ['arena-1', 'lent'] }
        : { names: ['arena-1'] },
    );
  });

  test('counts what is away in its maxBytes, and has it again when it is back', async () => {
    const report = await resultOf<object>(`${TALK}
      (async () => {
        const small = new Arena({ maxBytes: 5 * 65_536 });
        const { end } = connect(small);
        const fill = () => {
          let count = 0;
          try {
            for (;;) { end.send(small.alloc(65_536, 7)); count++; }
          } catch (error) { return [count, error.code]; }
        };
        const first = fill();
        await end.drained();
        const again = fill();
        // A small one has no slab any more either.
        let code;
        try { small.alloc(1); } catch (error) { code = error.code; }
        end.close();
        await until(() => small.stats().lending.away === 0);
        console.log(JSON.stringify({ first, again, code, after: small.alloc(65_536).length }));
        process.exit();
      })();`);
    expect(report).toEqual({
      first: [5, 'ERR_HAKMEM_OUT_OF_MEMORY'],
      again: [0, 'ERR_HAKMEM_OUT_OF_MEMORY'],
      code: 'ERR_HAKMEM_OUT_OF_MEMORY',
      after: 65_536,
    });
  });

  test('may be the worker: the main thread keeps what it got, when the worker is gone', async () => {
    const worker = `${IN_WORKER}
      for (let i = 0; i < 50; i++) end.send(arena.alloc(5000, 7));
      end.drained().then(() => process.exit(0));`;
    const report = await resultOf<object>(`${IN_MAIN}
      (async () => {
        const [ours, theirs] = new Channel({ threshold: 2048 }).ends;
        const end = Channel.open(ours, arena);
        const exit = exitOf(start(${JSON.stringify(worker)}, theirs));
        const kept = [];
        await end.receive((buffer) => { kept.push(end.keep(buffer)); });
        await exit;
        const others = Array.from({ length: 300 }, () => arena.alloc(5000, 9));
        const isWhole = kept.every((it) => it.length === 5000 && it.every((byte) => byte === 7));
        const before = heapStats().arenas.length;
        for (const it of kept) end.release(it);
        console.log(JSON.stringify({ count: kept.length, isWhole, before,
          after: heapStats().arenas.length, others: others.length }));
      })();`);
    expect(report).toEqual({ count: 50, isWhole: true, before: 2, after: 1, others: 300 });
  });
});

test.each(['process.exit(0);', 'throw new Error("on purpose");', 'end.close();', 'end.unref();'])(
  'a process may end while messages are under way (%s)',
  async (act) => {
    // Who sends after the other end has closed is told so.
    const worker = `${IN_WORKER}
      const isClosed = (error) => { if (error.code !== 'ERR_HAKMEM_CHANNEL_CLOSED') throw error; };
      end.receive((buffer) => { end.send(arena.alloc(buffer.length)); }).catch(isClosed);`;
    const { signal, exitCode } = await runScript(`${IN_MAIN}
      const [ours, theirs] = new Channel({ threshold: 2048 }).ends;
      const end = Channel.open(ours, arena);
      const worker = start(${JSON.stringify(worker)}, theirs);
      worker.unref();
      let count = 0;
      const more = () => { while (end.send(arena.allocUnsafe(count % 2 ? 5000 : 10))); };
      end.receive(() => {
        more();
        if (++count === 2000) { ${act} }
      }).catch((error) => { throw error; });
      more();`);
    const expected = act.startsWith('throw') ? 1 : 0;
    expect({ signal, exitCode }).toEqual({ signal: null, exitCode: expected });
  },
);
