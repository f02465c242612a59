/**
 * Real asynchronous APIs that hold a Buffer after the call returns: what arrives is what was sent, while
 * everything else in the arena is allocated, overwritten and freed as hard as possible.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import tls from 'node:tls';
import zlib from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Arena } from '../../lib/index';
import { checkSums, totalsOf } from '../unit/support/sums';
import { selfSigned } from '../unit/support/certificate.cjs';
import { received } from './support/streams';

const CHURN_BYTE = 0xee;

let arena: Arena;
let folder: string;
let churning: boolean;

/** Takes and overwrites whatever is free, of the sizes in use, again and again. */
function churn(sizes: readonly number[]): void {
  for (const size of sizes) {
    const count = Math.ceil(300_000 / size) + 4;
    const views = Array.from({ length: count }, () => arena.allocUnsafe(size).fill(CHURN_BYTE));
    for (const view of views) arena.free(view);
  }
}

function startChurn(...sizes: number[]): void {
  const step = (): void => {
    if (!churning) return;
    churn(sizes);
    setImmediate(step);
  };
  setImmediate(step);
}

/** `length` bytes that no other `seed` has, and that are not what the churn writes. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed * 31 + i * 7 + (i >>> 8)) % 0xee;
  return bytes;
}

const chunkOf = (length: number, seed: number): Buffer => arena.from(pattern(length, seed));

/** Views of this length, freed by `send`, and all the bytes that they had. */
async function sendAll(
  count: number,
  length: number,
  send: (view: Buffer, i: number) => Promise<unknown>,
): Promise<Buffer> {
  const pending: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    pending.push(send(chunkOf(length, i), i));
    churn([length]);
  }
  await Promise.all(pending);
  return Buffer.concat(Array.from({ length: count }, (_, i) => pattern(length, i)));
}

/** jest would print megabytes. */
function expectSame(got: Buffer, sent: Buffer): void {
  expect(got.length).toBe(sent.length);
  expect(got.equals(sent)).toBe(true);
}

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hakmem-io-'));
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});
beforeEach(() => {
  arena = new Arena();
  churning = true;
});
afterEach(() => {
  churning = false;
  expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
  expect(arena.stats().bytes.pinned).toBe(0);
  arena.destroy();
});

describe('fs', () => {
  test('write: many at once, each freed in its callback', async () => {
    const file = path.join(folder, 'write');
    const handle = await fs.promises.open(file, 'w');
    startChurn(20_000);
    const sent = await sendAll(40, 20_000, (view, i) => {
      const written = promisify(fs.write)(handle.fd, view, 0, 20_000, i * 20_000);
      return arena.freeAfter(view, written);
    });
    await handle.close();
    expectSame(fs.readFileSync(file), sent);
  });

  test('promises.writeFile: freed when the promise settles', async () => {
    startChurn(300_000);
    const names = Array.from({ length: 8 }, (_, i) => path.join(folder, `file-${i}`));
    const sent = await sendAll(names.length, 300_000, (view, i) =>
      arena.freeAfter(view, fs.promises.writeFile(names[i]!, view)),
    );
    expectSame(Buffer.concat(names.map((name) => fs.readFileSync(name))), sent);
  });

  test('read: what is written late goes into memory that is still held', async () => {
    const file = path.join(folder, 'read');
    fs.writeFileSync(file, pattern(1_000_000, 1));
    const handle = await fs.promises.open(file);
    startChurn(25_000);
    const reads = Array.from({ length: 40 }, async (_, i) => {
      const view = arena.allocUnsafe(25_000);
      arena.retain(view);
      arena.free(view);
      await handle.read(view, 0, 25_000, i * 25_000);
      const copy = Buffer.from(view);
      arena.release(view);
      return copy;
    });
    churn([25_000]);
    const got = Buffer.concat(await Promise.all(reads));
    await handle.close();
    expectSame(got, pattern(1_000_000, 1));
  });

  test('read: a reset and a destroy meanwhile leave its memory alone', async () => {
    const file = path.join(folder, 'read-reset');
    fs.writeFileSync(file, pattern(900_000, 2));
    const handle = await fs.promises.open(file);
    const other = new Arena();
    const views = [
      other.retain(other.allocUnsafe(60_000)),
      other.retain(other.allocUnsafe(840_000)),
    ];
    const reads = [
      handle.read(views[0]!, 0, 60_000, 0),
      handle.read(views[1]!, 0, 840_000, 60_000),
    ];
    other.reset();
    const fresh = Array.from({ length: 20 }, () => other.alloc(60_000, CHURN_BYTE));
    await Promise.all(reads);
    expect(fresh.every((view) => view.equals(Buffer.alloc(60_000, CHURN_BYTE)))).toBe(true);
    other.destroy();
    expectSame(Buffer.concat(views), pattern(900_000, 2));
    expect(views.map((view) => other.release(view))).toEqual([true, true]);
    await handle.close();
  });

  test('WriteStream: a long queue of small and large chunks', async () => {
    for (const length of [700, 100_000]) {
      const file = path.join(folder, `stream-${length}`);
      const stream = fs.createWriteStream(file);
      startChurn(length);
      const sent = await sendAll(50, length, (view) => arena.freeAfterWrite(stream, view));
      stream.end();
      await once(stream, 'close');
      expectSame(fs.readFileSync(file), sent);
    }
  });
});

describe('sockets', () => {
  const listen = async (server: net.Server): Promise<number> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  };

  /** Sends through `client` to what `server` accepts; the reader starts late, so that writes queue. */
  async function transfer(
    server: net.Server,
    event: string,
    connect: (port: number) => net.Socket,
    count: number,
    length: number,
  ): Promise<void> {
    const port = await listen(server);
    const accepted = once(server, event) as Promise<[net.Socket]>;
    const client = connect(port);
    const [peer] = await accepted;
    startChurn(length);
    const sending = sendAll(count, length, (view) => arena.freeAfterWrite(client, view));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const receiving = received(peer);
    const sent = await sending;
    client.end();
    expectSame(await receiving, sent);
    client.destroy();
    server.close();
  }

  test.each([
    [2000, 300],
    [60, 100_000],
    [4, 3_000_000],
  ])('net: %i queued writes of %i bytes', async (count, length) => {
    await transfer(net.createServer(), 'connection', (port) => net.connect(port), count, length);
  });

  test.each([
    [500, 300],
    [30, 100_000],
  ])('tls: %i queued writes of %i bytes', async (count, length) => {
    const { key, cert } = selfSigned();
    await transfer(
      tls.createServer({ key, cert }),
      'secureConnection',
      (port) => tls.connect({ port, rejectUnauthorized: false }),
      count,
      length,
    );
  });

  test('net: a peer that goes away in the middle leaves nothing behind', async () => {
    const server = net.createServer((peer) => setTimeout(() => peer.resetAndDestroy(), 20));
    const client = net.connect(await listen(server));
    client.on('error', () => undefined);
    startChurn(200_000);
    const writes = Array.from({ length: 100 }, (_, i) =>
      arena.freeAfterWrite(client, chunkOf(200_000, i)),
    );
    // Node calls some of them back as if they had been written.
    expect((await Promise.allSettled(writes)).length).toBe(100);
    server.close();
  });

  test('http: a response in many chunks and a request body', async () => {
    const bodies: Promise<Buffer>[] = [];
    let sending!: Promise<Buffer>;
    const server = http.createServer((request, response) => {
      bodies.push(received(request));
      startChurn(30_000);
      sending = sendAll(50, 30_000, (view) => arena.freeAfterWrite(response, view));
      void sending.then(() => response.end());
    });
    const request = http.request({ port: await listen(server), method: 'POST' });
    const answer = once(request, 'response') as Promise<[http.IncomingMessage]>;
    const body = await sendAll(20, 30_000, (view) => arena.freeAfterWrite(request, view));
    request.end();
    const [response] = await answer;
    const got = await received(response);
    expectSame(got, await sending);
    expectSame(await bodies[0]!, body);
    server.close();
    server.closeAllConnections();
  });

  test('http: a client that goes away in the middle of a response leaves nothing behind', async () => {
    let results!: Promise<PromiseSettledResult<void>[]>;
    const server = http.createServer((_request, response) => {
      response.on('error', () => undefined);
      results = Promise.allSettled(
        Array.from({ length: 50 }, (_, i) => arena.freeAfterWrite(response, chunkOf(300_000, i))),
      );
    });
    const request = http.get({ port: await listen(server) });
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => undefined);
    response.once('data', () => response.destroy());
    await once(response, 'close');
    expect((await results).length).toBe(50);
    server.close();
  });

  test('dgram: datagrams sent in bursts', async () => {
    const server = dgram.createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const client = dgram.createSocket('udp4');
    const send = promisify(client.send.bind(client)) as (...args: unknown[]) => Promise<number>;
    const got: Buffer[] = [];
    server.on('message', (message) => got.push(message));
    startChurn(1000);
    const { port } = server.address();
    // In bursts that fit into the socket's receive buffer: UDP may drop what does not.
    for (let burst = 0; burst < 20; burst++) {
      await sendAll(20, 1000, (view) => arena.freeAfter(view, send(view, port, '127.0.0.1')));
      while (got.length < (burst + 1) * 20) await new Promise(setImmediate);
    }
    const sent = Array.from({ length: 20 }, (_, i) => pattern(1000, i));
    expect(got.every((message) => sent.some((it) => it.equals(message)))).toBe(true);
    client.close();
    server.close();
  });
});

describe('zlib', () => {
  test('callbacks: deflate of many Buffers at once', async () => {
    const deflate = promisify(zlib.deflate) as (view: Buffer) => Promise<Buffer>;
    startChurn(50_000);
    const results: Buffer[] = [];
    const sent = await sendAll(30, 50_000, async (view, i) => {
      results[i] = await arena.freeAfter(view, deflate(view));
    });
    expectSame(Buffer.concat(results.map((it) => zlib.inflateSync(it))), sent);
  });

  test('a gzip stream fed with chunks', async () => {
    const gzip = zlib.createGzip();
    const packed = received(gzip);
    startChurn(40_000);
    const sent = await sendAll(50, 40_000, (view) => arena.freeAfterWrite(gzip, view));
    gzip.end();
    expectSame(zlib.gunzipSync(await packed), sent);
  });
});
