import { Worker, BroadcastChannel, MessageChannel, MessagePort } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Arena, type ArenaOptions, type CloneReport } from '../../../lib/index';
import { resultOf } from '../support/child';
import { type Listener, listen } from '../support/reports';

beforeAll(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

const GUARDED: ArenaOptions = { guard: { sampleRate: 2 ** 30 - 1 } };
const SLAB_BYTES = 64 * 1024;
const arenas: Arena[] = [];
const listeners: Listener<CloneReport>[] = [];

function make(options: ArenaOptions = GUARDED): Arena {
  const arena = new Arena({ name: `clone-${Math.random()}`, ...options });
  // The first allocation may be a sample.
  arena.free(arena.alloc(5));
  arena.free(arena.alloc(5));
  arenas.push(arena);
  return arena;
}

function heard(arena: Arena): CloneReport[] {
  const listener = listen<CloneReport>('hakmem-arena:clone', arena.name);
  listeners.push(listener);
  return listener.messages;
}

afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
  for (const listener of listeners.splice(0)) listener[Symbol.dispose]();
});

const { port1, port2 } = new MessageChannel();
const channel = new BroadcastChannel('clones');
afterAll(() => {
  port1.close();
  port2.close();
  channel.close();
});

const WAYS: Record<string, (value: unknown) => unknown> = {
  structuredClone: (value) => structuredClone(value),
  'a port': (value) => port1.postMessage(value),
  'a broadcast channel': (value) => channel.postMessage(value),
  'performance.mark': (value) => performance.mark('clones', { detail: value }),
};

describe.each(Object.entries(WAYS))('%s', (_name, clone) => {
  test('tells of a Buffer whose slab goes with it, and where', () => {
    const arena = make();
    const reports = heard(arena);
    const cloneHere = (view: Buffer): unknown => clone(view);
    cloneHere(arena.alloc(24));
    expect(reports).toEqual([
      {
        arena: arena.name,
        size: 24,
        bytes: SLAB_BYTES,
        stack: expect.stringContaining('cloneHere'),
      },
    ]);
  });

  test.each<[string, (view: Buffer) => unknown]>([
    ['an object', (view) => ({ id: 1, body: { data: view } })],
    ['an array', (view) => [1, [2, [view]]]],
    ['a map', (view) => new Map([['body', view]])],
    ['a set', (view) => new Set([view])],
    [
      'a circle',
      (view) => {
        const circle: Record<string, unknown> = { view };
        circle['self'] = circle;
        return circle;
      },
    ],
    ['a part of it', (view) => view.subarray(1, 5)],
    ['its ArrayBuffer', (view) => view.buffer],
    ['many of one slab, told once', (view) => [view, view.subarray(1), view]],
  ])('finds it in %s', (_where, wrap) => {
    const arena = make();
    const reports = heard(arena);
    clone(wrap(arena.alloc(24)));
    expect(reports.map(({ bytes }) => bytes)).toEqual([SLAB_BYTES]);
  });

  test('says nothing of what has its memory to itself, or is no arena`s', () => {
    const [arena, guarded] = [make(), make({ guard: { sampleRate: 1 } })];
    const [reports, others] = [heard(arena), heard(guarded)];
    clone([guarded.alloc(24), Buffer.alloc(24), new ArrayBuffer(SLAB_BYTES), 'text', null, 5n]);
    clone([arena.copyOut(arena.alloc(24)), arena.alloc(60_000), arena.alloc(100_000)]);
    expect([...reports, ...others]).toEqual([]);
  });
});

test('an arena without a guard is told of, too, while another has one', () => {
  const plain = make({});
  make();
  const reports = heard(plain);
  structuredClone(plain.alloc(24));
  expect(reports.length).toBe(1);
});

test('a getter runs as often as without a guard, and a proxy not at all', () => {
  make();
  let count = 0;
  const value = {
    get body() {
      return ++count;
    },
  };
  expect(structuredClone(value)).toEqual({ body: 1 });
  const trap = jest.fn();
  expect(() => structuredClone(new Proxy({}, { ownKeys: trap as never }))).toThrow('clone');
  expect(trap).not.toHaveBeenCalled();
});

test('errors, results and properties are those of the function itself', () => {
  make();
  expect(() => structuredClone(() => 1)).toThrow(
    expect.objectContaining({ name: 'DataCloneError' }),
  );
  expect(structuredClone({ a: [1, new Date(5)] })).toEqual({ a: [1, new Date(5)] });
  expect(structuredClone.name).toBe('structuredClone');
});

test('the functions are those of the platform before and after, and stay somebody else`s', () => {
  const functions = (): unknown[] => [
    structuredClone,
    Reflect.get(MessagePort.prototype, 'postMessage'),
  ];
  const before = functions();
  const arena = make();
  const second = make();
  expect(structuredClone).not.toBe(before[0]);
  arena.destroy();
  expect(structuredClone).not.toBe(before[0]);
  second.destroy();
  expect(functions()).toEqual(before);
  const third = make();
  const ours = structuredClone;
  const theirs: typeof structuredClone = (value) => ours(value);
  globalThis.structuredClone = theirs;
  third.destroy();
  expect(structuredClone).toBe(theirs);
  expect(structuredClone({ a: 1 })).toEqual({ a: 1 });
  globalThis.structuredClone = before[0] as typeof structuredClone;
});

test('a message to a worker, and its data', async () => {
  const arena = make();
  const reports = heard(arena);
  const source = `require('node:worker_threads').parentPort.on('message', () => process.exit())`;
  const worker = new Worker(source, { eval: true, workerData: { view: arena.alloc(10) } });
  worker.postMessage({ view: arena.alloc(24) });
  await new Promise((resolve) => worker.on('exit', resolve));
  expect(reports.map(({ size }) => size)).toEqual([10, 24]);
});

test('one place is one warning; an arena that is dropped puts the functions back', async () => {
  const result = await resultOf<{ warnings: string[]; isBack: boolean }>(
    `const { Arena } = require('hakmem-arena');
    const before = structuredClone;
    const warnings = [];
    process.on('warning', ({ code }) => warnings.push(code));
    (() => {
      const arena = new Arena({ guard: { sampleRate: 1000 } });
      for (let i = 0; i < 3; i++) arena.alloc(5);
      for (let i = 0; i < 5; i++) structuredClone(arena.alloc(24));
    })();
    (async () => {
      for (let i = 0; i < 20 && structuredClone !== before; i++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      console.log(JSON.stringify({ warnings, isBack: structuredClone === before }));
    })();`,
    { nodeArguments: ['--expose-gc'] },
  );
  expect(result).toEqual({ warnings: ['HAKMEM_CLONE'], isBack: true });
});
