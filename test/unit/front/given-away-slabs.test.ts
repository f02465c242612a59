/**
 * What the engine does to the slab of a Buffer that a program clones, posts or gives away: the table in
 * docs/SAFETY.md, which differs between versions of Node.
 */
import { BroadcastChannel, MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { serialize } from 'node:v8';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Arena } from '../../../lib/index';
import { IS_WASM } from '../support/backend';

beforeAll(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

const major = Number(process.versions.node.split('.')[0]);
/** All bytes of the slab, which is short in an arena that follows another one. */
const WHOLE_SLAB = 'the whole slab';
const SIZE = 24;

type Received = Promise<{ readonly buffer: { readonly byteLength: number } }>;

function receive(post: (port: MessagePort) => void): Received {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port2.on('message', (message) => {
      port1.close();
      resolve(message as Awaited<Received>);
    });
    try {
      post(port1);
    } catch (error) {
      port1.close();
      reject(Object.assign(new Error('not posted'), { name: (error as Error).name }));
    }
  });
}

/** Bytes that arrive, and the length of the Buffer afterwards. */
async function give(
  act: (view: Buffer, arena: Arena) => unknown,
): Promise<[number | typeof WHOLE_SLAB, number]> {
  const arena = new Arena();
  const view = arena.alloc(SIZE, 7);
  const other = arena.alloc(SIZE, 9);
  const shownBytes = view.buffer.byteLength;
  const bytes = await (act(view, arena) as Promise<number>);
  const { length } = view;
  expect(other.length === 0).toBe(length === 0);
  arena.destroy();
  return [bytes === shownBytes ? WHOLE_SLAB : bytes, length];
}

describe('copies the slab', () => {
  test('structuredClone', async () => {
    expect(await give((view) => structuredClone(view).buffer.byteLength)).toEqual([
      WHOLE_SLAB,
      SIZE,
    ]);
  });

  test('postMessage of a port', async () => {
    const post = (view: Buffer) => receive((port) => port.postMessage(view));
    expect(await give(async (view) => (await post(view)).buffer.byteLength)).toEqual([
      WHOLE_SLAB,
      SIZE,
    ]);
  });

  test('a broadcast channel', async () => {
    const got = await give((view) => {
      const [from, to] = [new BroadcastChannel('slab'), new BroadcastChannel('slab')];
      from.postMessage(view);
      return new Promise((resolve) => {
        to.onmessage = (event) => {
          from.close();
          to.close();
          resolve((event as { data: Buffer }).data.buffer.byteLength);
        };
      });
    });
    expect(got).toEqual([WHOLE_SLAB, SIZE]);
  });

  test('the data of a worker', async () => {
    const source = `const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage(workerData.buffer.byteLength);`;
    const got = await give((view) => {
      const worker = new Worker(source, { eval: true, workerData: view });
      return new Promise((resolve) => worker.on('message', resolve));
    });
    expect(got).toEqual([WHOLE_SLAB, SIZE]);
  });
});

const fate = major < 22 ? 'copies the slab' : 'is refused';

test(`a transfer list ${IS_WASM ? 'takes the slab along' : fate}`, async () => {
  const clone = give((view) => {
    const { buffer } = view;
    return structuredClone(view, { transfer: [buffer as ArrayBuffer] }).buffer.byteLength;
  });
  const post = give(async (view) => {
    const list = [view.buffer] as never;
    return (await receive((port) => port.postMessage(view, list))).buffer.byteLength;
  });
  for (const got of await Promise.allSettled([clone, post])) {
    const isRefused = got.status === 'rejected';
    // Memory of the engine's own goes with the list, whatever the version.
    if (IS_WASM) expect(got).toMatchObject({ value: [WHOLE_SLAB, 0] });
    else if (major < 22) expect(got).toMatchObject({ value: [WHOLE_SLAB, SIZE] });
    else if (major < 24 || isRefused)
      expect(got).toMatchObject({ reason: { name: 'DataCloneError' } });
    else expect(got).toMatchObject({ value: [WHOLE_SLAB, 0] });
  }
});

describe('takes the slab away', () => {
  test('a byte stream', async () => {
    const got = await give((view) => {
      new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
      return 0;
    });
    expect(got).toEqual([0, 0]);
  });

  test('a read into a Buffer', async () => {
    const got = await give(async (view) => {
      const stream = new ReadableStream({
        type: 'bytes',
        pull: (it) => it.byobRequest!.respond(1),
      });
      const { value } = await stream.getReader({ mode: 'byob' }).read(view);
      return value!.buffer.byteLength;
    });
    expect(got).toEqual([WHOLE_SLAB, 0]);
  });

  (major < 22 ? test.skip : test)('ArrayBuffer.prototype.transfer', async () => {
    const got = await give((view) => {
      const { buffer } = view as unknown as { buffer: { transfer(): ArrayBuffer } };
      return buffer.transfer().byteLength;
    });
    expect(got).toEqual([WHOLE_SLAB, 0]);
  });
});

test('these take the bytes of the Buffer only', async () => {
  expect((await give((view) => serialize(view).length))[0]).toBeLessThan(100);
  expect(await give((view) => new Blob([view as never]).size)).toEqual([SIZE, SIZE]);
  const body = (view: Buffer) => new Response(view as never).arrayBuffer();
  expect(await give(async (view) => (await body(view)).byteLength)).toEqual([SIZE, SIZE]);
  const copy = (view: Buffer, arena: Arena) => arena.copyOut(view).buffer.byteLength;
  expect(await give(copy)).toEqual([SIZE, SIZE]);
});
