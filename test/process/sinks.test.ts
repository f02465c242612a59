/**
 * Every row of the table of known sinks gets the view itself and is right although the memory is overwritten
 * behind its back; streams that nobody knows get a copy and are right, too.
 */
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import stream, { Duplex, PassThrough, Transform, Writable } from 'node:stream';
import tls from 'node:tls';
import zlib from 'node:zlib';
import compression from 'compression';
import express from 'express';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Arena, type WriteTarget } from '../../lib/index';
import { rowOf, sinkOf } from '../../lib/streams/sinks';
import { totalsOf } from '../unit/support/sums';
import { selfSigned } from '../unit/support/certificate.cjs';
import { received } from './support/streams';

const CHURN_BYTE = 0xee;
const LENGTH = 50_000;
const COUNT = 40;

let arena: Arena;
let folder: string;
let ends: (() => void)[];

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hakmem-sinks-'));
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});
beforeEach(() => {
  arena = new Arena();
  ends = [];
});
afterEach(() => {
  for (const end of ends) end();
  expect(totalsOf(arena.stats()).live).toBe(0);
  expect(arena.stats().bytes.pinned).toBe(0);
  arena.destroy();
});

/** Overwrites whatever is free, of the length in use. */
function churn(): void {
  const views = Array.from({ length: 8 }, () => arena.allocUnsafe(LENGTH).fill(CHURN_BYTE));
  for (const view of views) arena.free(view);
}

/** Random enough that no compressor makes nothing of it; never the churn's byte. */
function makePattern(seed: number): Buffer {
  const bytes = Buffer.alloc(LENGTH);
  let state = seed + 1;
  for (let i = 0; i < LENGTH; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = (state >>> 16) % CHURN_BYTE;
  }
  return bytes;
}

const patterns = Array.from({ length: COUNT }, (_, i) => makePattern(i));
const sent = Buffer.concat(patterns);

/** Writes all patterns through `target`, and lets nobody be quick about it. */
async function sendAll(target: WriteTarget): Promise<void> {
  const writes: Promise<void>[] = [];
  for (let i = 0; i < COUNT; i++) {
    writes.push(arena.freeAfterWrite(target, arena.from(patterns[i]!)));
    churn();
  }
  const timer = setInterval(churn, 1);
  await Promise.all(writes);
  clearInterval(timer);
  churn();
}

async function listen(server: net.Server, address: string | number = 0): Promise<string | number> {
  server.listen(address);
  await once(server, 'listening');
  ends.push(() => server.close());
  return typeof address === 'string' ? address : (server.address() as net.AddressInfo).port;
}

/** A stream to write to, and what arrives once it was ended. */
interface Line {
  readonly target: Writable;
  readonly arrived: Promise<Buffer>;
}

async function socketPair(
  server: net.Server,
  event: string,
  connect: () => net.Socket,
): Promise<Line> {
  const accepted = once(server, event) as Promise<[net.Socket]>;
  const target = connect();
  const [peer] = await accepted;
  peer.on('error', () => undefined);
  ends.push(() => {
    target.destroy();
    peer.destroy();
  });
  return { target, arrived: received(peer) };
}

async function tcp(): Promise<Line> {
  const server = net.createServer();
  const port = await listen(server);
  return socketPair(server, 'connection', () => net.connect(port as number));
}

async function pipe(): Promise<Line> {
  const server = net.createServer();
  const address = await listen(server, path.join(folder, `socket-${Math.random()}`));
  return socketPair(server, 'connection', () => net.connect(address as string));
}

async function secure(over?: (port: number) => Duplex): Promise<Line> {
  const { key, cert } = selfSigned();
  const server = tls.createServer({ key, cert });
  const port = (await listen(server)) as number;
  return socketPair(server, 'secureConnection', () =>
    tls.connect({ port, socket: over?.(port), rejectUnauthorized: false }),
  );
}

/** A socket with streams of JavaScript between. */
function throughStreams(port: number): Duplex {
  const socket = net.connect(port);
  const [there, back] = [new PassThrough(), new PassThrough()];
  there.pipe(socket).pipe(back);
  socket.on('error', () => undefined);
  return Duplex.from({ writable: there, readable: back });
}

async function request(): Promise<Line> {
  let resolve!: (body: Promise<Buffer>) => void;
  const arrived = new Promise<Promise<Buffer>>((it) => (resolve = it));
  const server = http.createServer((incoming, response) => {
    resolve(received(incoming));
    incoming.on('end', () => response.end());
  });
  const target = http.request({ port: await listen(server), method: 'POST', agent: false });
  target.on('error', () => undefined);
  await once(target, 'socket');
  return { target, arrived: arrived.then((it) => it) };
}

async function response(): Promise<Line> {
  let resolve!: (target: Writable) => void;
  const target = new Promise<Writable>((it) => (resolve = it));
  const server = http.createServer((_incoming, it) => resolve(it));
  const asked = http.get({ port: await listen(server), agent: false });
  const arrived = once(asked, 'response').then(([it]) => received(it as http.IncomingMessage));
  arrived.catch(() => undefined);
  asked.on('error', () => undefined);
  return { target: await target, arrived };
}

function file(options: object = {}): Line {
  const name = path.join(folder, `file-${Math.random()}`);
  const target = fs.createWriteStream(name, options);
  const arrived = once(target, 'close').then(() => fs.readFileSync(name));
  return { target, arrived };
}

function childStdin(): Line {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
  return { target: child.stdin, arrived: received(child.stdout) };
}

const through = (target: Duplex, undo: (bytes: Buffer) => Buffer): Line => ({
  target,
  arrived: received(target).then(undo),
});

const key = Buffer.alloc(16, 1);

function cipher(): Line {
  return through(crypto.createCipheriv('aes-128-ctr', key, key), (bytes) =>
    crypto.createDecipheriv('aes-128-ctr', key, key).update(bytes),
  );
}

function decipher(): Line {
  return through(crypto.createDecipheriv('aes-128-ctr', key, key), (bytes) =>
    crypto.createCipheriv('aes-128-ctr', key, key).update(bytes),
  );
}

/** A digest, as the bytes it is the digest of: right or nothing. */
const digested = (target: Duplex, right: Buffer): Line =>
  through(target, (bytes) => (bytes.equals(right) ? sent : bytes));

const hash = (): Line =>
  digested(crypto.createHash('sha256'), crypto.createHash('sha256').update(sent).digest());
const hmac = (): Line =>
  digested(crypto.createHmac('sha1', key), crypto.createHmac('sha1', key).update(sent).digest());

function signature(): Line {
  const pair = crypto.generateKeyPairSync('ed25519');
  const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 });
  expect(pair.publicKey.type).toBe('public');
  const target = crypto.createSign('sha256');
  const arrived = once(target, 'finish').then(() => {
    const isRight = crypto.verify('sha256', sent, rsa.publicKey, target.sign(rsa.privateKey));
    return isRight ? sent : Buffer.alloc(0);
  });
  return { target, arrived };
}

function verification(): Line {
  const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 });
  const signed = crypto.sign('sha256', sent, rsa.privateKey);
  const target = crypto.createVerify('sha256');
  const arrived = once(target, 'finish').then(() =>
    target.verify(rsa.publicKey, signed) ? sent : Buffer.alloc(0),
  );
  return { target, arrived };
}

const KNOWN: [string, () => Line | Promise<Line>][] = [
  ['a TCP socket', tcp],
  ['a pipe', pipe],
  ['TLS', secure],
  ['TLS over streams of JavaScript', () => secure(throughStreams)],
  ['a request', request],
  ['a response', response],
  ['a file', file],
  ["a child's stdin", childStdin],
  ['gzip', () => through(zlib.createGzip({ level: 1 }), (it) => zlib.gunzipSync(it))],
  ['deflate, raw', () => through(zlib.createDeflateRaw(), (it) => zlib.inflateRawSync(it))],
  ['brotli', () => through(brotli(), (it) => zlib.brotliDecompressSync(it))],
  ['a cipher', cipher],
  ['a decipher', decipher],
  ['a hash', hash],
  ['an HMAC', hmac],
  ['a signature', signature],
  ['a verification', verification],
];

function brotli(): Duplex {
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 };
  return zlib.createBrotliCompress({ params });
}

describe('a known sink', () => {
  test.each(KNOWN)('%s: gets the view itself, and its bytes are right', async (_name, make) => {
    const { target, arrived } = await make();
    expect(sinkOf(rowOf(target), target)).toBeDefined();
    await sendAll(target);
    target.end();
    expect((await arrived).equals(sent)).toBe(true);
  });

  test.each(KNOWN)(
    '%s: destroyed with writes under way, it lets go of all',
    async (_name, make) => {
      const { target, arrived } = await make();
      arrived.catch(() => undefined);
      target.on('error', () => undefined);
      const writes = Array.from({ length: COUNT }, (_, i) =>
        arena.freeAfterWrite(target, arena.from(patterns[i]!)),
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
      const timer = setInterval(churn, 1);
      target.destroy();
      await Promise.allSettled(writes);
      clearInterval(timer);
    },
  );

  test('a compressor that nobody reads is let go of when it is destroyed', async () => {
    const gzip = zlib.createGzip({ level: 0, highWaterMark: 1 } as zlib.ZlibOptions);
    const writes = [1, 2, 3].map((i) => arena.freeAfterWrite(gzip, arena.from(patterns[i]!)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    gzip.destroy();
    await Promise.allSettled(writes);
  });

  test('a compressor destroyed in the middle of a chunk keeps it until its thread is done', async () => {
    const packing = zlib.createBrotliCompress({ highWaterMark: 1 } as zlib.BrotliOptions);
    const view = arena.alloc(8_000_000, 'a long text to be compressed slowly ');
    const engine = (packing as unknown as { _handle: { buffer: unknown } })._handle;
    const write = arena.freeAfterWrite(packing, view);
    await new Promise((resolve) => setTimeout(resolve, 5));
    packing.destroy();
    await once(packing, 'close');
    expect(engine.buffer).toBe(view);
    expect(arena.stats().bytes.pinned).toBeGreaterThan(0);
    await write.catch(() => undefined);
    expect(engine.buffer).toBeNull();
  });
});

/** A response with the middleware that compresses, which puts another `write` in its place. */
async function compressed(): Promise<Line> {
  let resolve!: (target: Writable) => void;
  const target = new Promise<Writable>((it) => (resolve = it));
  const app = express();
  app.use(compression({ filter: () => true }));
  app.get('/', (_request, it) => {
    resolve(it);
  });
  const server = http.createServer(app);
  const headers = { 'accept-encoding': 'gzip' };
  const asked = http.get({ port: await listen(server), agent: false, headers });
  const arrived = once(asked, 'response').then(([it]) => received(it as http.IncomingMessage));
  return { target: await target, arrived: arrived.then((it) => zlib.gunzipSync(it)) };
}

class Queue extends net.Socket {
  readonly queue: Buffer[] = [];
  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.queue.push(chunk);
    callback();
  }
  override _final(callback: () => void): void {
    callback();
    this.emit('all', Buffer.concat(this.queue));
  }
}

function subclass(): Line {
  const target = new Queue();
  return { target, arrived: once(target, 'all').then(([it]) => it as Buffer) };
}

/** An http/1 response over a stream that keeps what it gets. */
function overStream(): Line {
  const connection = new PassThrough(wide);
  const target = new http.ServerResponse({ method: 'GET', httpVersionMajor: 1 } as never);
  target.useChunkedEncodingByDefault = false;
  target.assignSocket(connection as never);
  const arrived = once(target, 'finish').then(async () => {
    connection.end();
    const all = await received(connection);
    return all.subarray(all.indexOf('\r\n\r\n') + 4);
  });
  return { target, arrived };
}

function customFs(): Line {
  const chunks: Buffer[] = [];
  const write = (...[, chunk, , length, , done]: unknown[]): void => {
    chunks.push(chunk as Buffer);
    process.nextTick(done as () => void, null, length);
  };
  const target = fs.createWriteStream('nowhere', {
    fs: {
      open: (...args: unknown[]) => (args.at(-1) as (e: null, fd: number) => void)(null, 9),
      close: (_fd: number, done: () => void) => done(),
      write,
    },
  });
  return { target, arrived: once(target, 'close').then(() => Buffer.concat(chunks)) };
}

async function fileHandle(): Promise<Line> {
  const name = path.join(folder, `handle-${Math.random()}`);
  const target = (await fs.promises.open(name, 'w')).createWriteStream();
  return { target, arrived: once(target, 'close').then(() => fs.readFileSync(name)) };
}

async function http2Line(kind: 'core' | 'compat' | 'client'): Promise<Line> {
  const server = http2.createServer();
  const session = http2.connect(`http://localhost:${await listen(server)}`);
  ends.push(() => session.destroy());
  const isClient = kind === 'client';
  const incoming = once(server, kind === 'compat' ? 'request' : 'stream') as Promise<never[]>;
  const asked = session.request({ ':method': isClient ? 'POST' : 'GET' }, { endStream: !isClient });
  const [stream, answer] = (await incoming) as unknown as [http2.ServerHttp2Stream, Writable];
  if (isClient) {
    stream.respond();
    return { target: asked, arrived: received(stream).finally(() => stream.end()) };
  }
  if (kind === 'core') stream.respond();
  return { target: kind === 'core' ? stream : answer, arrived: received(asked) };
}

/** Reads late, so that chunks wait on the way. */
async function receivedLate(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  await new Promise((resolve) => setTimeout(resolve, 30));
  return received(stream);
}

const identity = (): Transform =>
  new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });

const late = (target: Duplex): Line => ({ target, arrived: receivedLate(target) });

/** Not known to the types of Node 20. */
const { compose: composed, duplexPair } = stream as unknown as {
  compose: (...streams: Duplex[]) => Duplex;
  duplexPair?: () => [Duplex, Duplex];
};

const compose = (): Duplex => composed(identity(), identity());

function pair(): Line {
  const [target, other] = duplexPair?.() ?? [new PassThrough(wide), undefined];
  return { target, arrived: receivedLate(other ?? target) };
}

const wide = { highWaterMark: 1 << 30 };

const UNKNOWN: [string, () => Line | Promise<Line>][] = [
  ['a PassThrough', () => late(new PassThrough(wide))],
  ['an identity Transform', () => late(identity())],
  ['a composed stream', () => late(compose())],
  ['one of a pair of streams', pair],
  ['a duplex over a TransformStream', () => late(Duplex.fromWeb(new TransformStream() as never))],
  ['a response with middleware', compressed],
  ['a subclass of a socket', subclass],
  ['a response over a stream of JavaScript', overStream],
  ['a file by an `fs` of the user', customFs],
  ['a file by a FileHandle', fileHandle],
  ['a stream of http2', () => http2Line('core')],
  ['a response of http2', () => http2Line('compat')],
  ['a request of http2', () => http2Line('client')],
];

describe('a stream that is not known to let go', () => {
  test.each(UNKNOWN)('%s: gets a copy, and the view is free at once', async (_name, make) => {
    const { target, arrived } = await make();
    expect(sinkOf(rowOf(target), target)).toBeUndefined();
    void arena.freeAfterWrite(target, arena.from(patterns[0]!));
    expect(totalsOf(arena.stats()).live).toBe(0);
    for (let i = 1; i < COUNT; i++) {
      void arena.freeAfterWrite(target, arena.from(patterns[i]!));
      churn();
    }
    target.end();
    expect((await arrived).equals(sent)).toBe(true);
  });

  test('an object stream gets a copy of the same kind', async () => {
    const stream = new PassThrough({ objectMode: true });
    for (const constructor of [Uint8Array, Float64Array, BigInt64Array, DataView] as const) {
      const view = arena.allocTyped(constructor as Uint8ArrayConstructor, 16);
      const { byteLength } = view;
      new Uint8Array(view.buffer, view.byteOffset, 16).fill(7);
      await arena.freeAfterWrite(stream, view);
      churn();
      const chunk = stream.read() as Uint8Array;
      expect(Object.getPrototypeOf(chunk)).toBe(constructor.prototype);
      expect(new Uint8Array(chunk.buffer).every((byte) => byte === 7 || byte === 0)).toBe(true);
      expect(chunk.byteLength).toBe(byteLength);
    }
  });
});

describe('a WritableStream', () => {
  const collector = (chunks: Uint8Array[]): WritableStream =>
    new WritableStream({ write: (chunk: Uint8Array) => void chunks.push(chunk) });

  test('gets a copy, by itself or by its writer', async () => {
    const chunks: Uint8Array[] = [];
    const stream = collector(chunks);
    await arena.freeAfterWrite(stream, arena.alloc(1000, 'A'));
    expect(stream.locked).toBe(false);
    const writer = stream.getWriter();
    await arena.freeAfterWrite(writer, arena.alloc(1000, 'B'));
    arena.free(arena.alloc(1000, 'C'));
    expect(Buffer.concat(chunks).equals(Buffer.from('A'.repeat(1000) + 'B'.repeat(1000)))).toBe(
      true,
    );
  });

  test('over a file or a compressor stores what was written', async () => {
    const name = path.join(folder, 'web');
    const stream = Writable.toWeb(fs.createWriteStream(name));
    for (let i = 0; i < COUNT; i++) {
      await arena.freeAfterWrite(stream, arena.from(patterns[i]!));
      churn();
    }
    await stream.close();
    expect(fs.readFileSync(name).equals(sent)).toBe(true);
    const packing = new CompressionStream('gzip');
    const packed = received(packing.readable as never);
    await sendAll(packing.writable as WritableStream);
    await packing.writable.close();
    expect(zlib.gunzipSync(await packed).equals(sent)).toBe(true);
  });

  test('that is locked or has failed leaves or frees the view, and says so', async () => {
    const stream = collector([]);
    stream.getWriter();
    const view = arena.alloc(100);
    await expect(arena.freeAfterWrite(stream, view)).rejects.toMatchObject({ name: 'TypeError' });
    expect(arena.owns(view)).toBe(true);
    const broken = new WritableStream({ write: () => Promise.reject(new Error('disk full')) });
    await expect(arena.freeAfterWrite(broken, view)).rejects.toThrow('disk full');
    expect(arena.owns(view)).toBe(false);
  });
});

describe('zeroCopy', () => {
  test('gives the view itself to a stream of the caller, until it calls back', async () => {
    const seen: Buffer[] = [];
    const callbacks: (() => void)[] = [];
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, callback) =>
        void (seen.push(chunk), callbacks.push(callback)),
    });
    const view = arena.alloc(100, 7);
    const freed = arena.freeAfterWrite(stream, view, { zeroCopy: true });
    expect(seen[0]).toBe(view);
    expect(totalsOf(arena.stats()).live).toBe(1);
    callbacks[0]!();
    await freed;
  });

  test('is refused when it is no boolean, and so is an option that is unknown', async () => {
    const view = arena.alloc(100);
    const stream = new PassThrough();
    const wrong: [never, string][] = [
      [5 as never, 'ERR_INVALID_ARG_TYPE'],
      [{ zeroCopy: 1 } as never, 'ERR_INVALID_ARG_TYPE'],
      [{ zerocopy: true } as never, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, code] of wrong) {
      await expect(arena.freeAfterWrite(stream, view, options)).rejects.toMatchObject({ code });
    }
    arena.free(view);
  });
});
