import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { deepStrictEqual } from 'node:assert/strict';
import { Blob } from 'node:buffer';
import { createCipheriv, createHash, createHmac, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { inspect, isDeepStrictEqual, types } from 'node:util';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  gunzipSync,
  gzipSync,
} from 'node:zlib';
import { Arena } from '../../../lib/index';
import { expectCode } from '../support/codes';
import { Random } from '../support/random';

/** Ours and core's, with the same bytes. */
function twins(arena: Arena, size: number): { ours: Buffer; core: Buffer } {
  const random = new Random(size + 1);
  const core = Buffer.alloc(size);
  for (let i = 0; i < size; i++) core[i] = random.below(256);
  return { ours: arena.from(core), core };
}

const SIZES = [0, 1, 5, 64, 200, 1024, 5000, 65_536, 65_537, 300_000];

describe('a Buffer of an arena is one of core', () => {
  let arena: Arena;
  beforeAll(() => {
    arena = new Arena();
  });
  afterAll(() => arena.destroy());

  test.each(SIZES)('%i bytes: identity', (size) => {
    for (const view of [arena.alloc(size), arena.allocUnsafe(size), twins(arena, size).ours]) {
      expect(Buffer.isBuffer(view)).toBe(true);
      expect(types.isUint8Array(view)).toBe(true);
      expect(ArrayBuffer.isView(view)).toBe(true);
      expect(view).toBeInstanceOf(Uint8Array);
      expect(view).toBeInstanceOf(Buffer);
      expect(Object.getPrototypeOf(view)).toBe(Buffer.prototype);
      expect(view.constructor).toBe(Buffer);
      expect(Object.prototype.toString.call(view)).toBe('[object Uint8Array]');
      expect(Object.isExtensible(view)).toBe(true);
      expect(view.length).toBe(size);
      expect(view.byteLength).toBe(size);
    }
  });

  test.each(SIZES.filter((size) => size <= 5000))('%i bytes: no own keys but indexes', (size) => {
    const { ours, core } = twins(arena, size);
    expect(Reflect.ownKeys(ours)).toEqual(Reflect.ownKeys(core));
    expect(Object.getOwnPropertySymbols(ours)).toEqual([]);
    expect(JSON.stringify(Object.getOwnPropertyDescriptors(ours))).toBe(
      JSON.stringify(Object.getOwnPropertyDescriptors(core)),
    );
  });

  test.each(SIZES)('%i bytes: equality', (size) => {
    const { ours, core } = twins(arena, size);
    deepStrictEqual(ours, core);
    deepStrictEqual(core, ours);
    expect(isDeepStrictEqual(ours, core)).toBe(true);
    expect(ours).toStrictEqual(core);
    expect(ours.equals(core)).toBe(true);
    expect(core.compare(ours)).toBe(0);
    expect(Buffer.compare(ours, core)).toBe(0);
    expect(Buffer.concat([ours, core]).equals(Buffer.concat([core, core]))).toBe(true);
  });

  test.each(SIZES)('%i bytes: text', (size) => {
    const { ours, core } = twins(arena, size);
    expect(inspect(ours)).toBe(inspect(core));
    expect(
      inspect(ours, { showHidden: true }).replace(/byteOffset: \d+|buffer: \S+[^}]*/g, ''),
    ).toBe(inspect(core, { showHidden: true }).replace(/byteOffset: \d+|buffer: \S+[^}]*/g, ''));
    expect(JSON.stringify(ours)).toBe(JSON.stringify(core));
    for (const encoding of [
      'utf8',
      'hex',
      'base64',
      'base64url',
      'latin1',
      'ascii',
      'utf16le',
    ] as const) {
      expect(ours.toString(encoding)).toBe(core.toString(encoding));
      expect(ours.toString(encoding, 1, size - 1)).toBe(core.toString(encoding, 1, size - 1));
    }
    expect(new TextDecoder().decode(ours)).toBe(new TextDecoder().decode(core));
    expect(new StringDecoder('utf8').write(ours)).toBe(new StringDecoder('utf8').write(core));
  });

  test.each(SIZES)('%i bytes: parts', (size) => {
    const { ours, core } = twins(arena, size);
    for (const [from, to] of [
      [0, size],
      [1, size - 1],
      [-3, undefined],
      [2, 2],
      [size, 0],
    ] as const) {
      const part = ours.subarray(from, to);
      expect(part).toStrictEqual(core.subarray(from, to));
      expect(part.buffer).toBe(ours.buffer);
      expect(Object.getPrototypeOf(part)).toBe(Buffer.prototype);
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- people use it
      expect(ours.slice(from, to)).toStrictEqual(core.slice(from, to));
      expect(Uint8Array.prototype.slice.call(ours, from, to)).toEqual(
        Uint8Array.prototype.slice.call(core, from, to),
      );
    }
    expect([...ours.subarray(0, 100)]).toEqual([...core.subarray(0, 100)]);
    expect(ours.map((byte) => byte ^ 1)).toStrictEqual(core.map((byte) => byte ^ 1));
    expect(ours.filter((byte) => byte < 9)).toStrictEqual(core.filter((byte) => byte < 9));
  });

  test('reads and writes numbers of all kinds', () => {
    const [ours, core] = [arena.alloc(64), Buffer.alloc(64)];
    for (const buffer of [ours, core]) {
      buffer.writeDoubleLE(Math.PI, 0);
      buffer.writeFloatBE(1.5, 8);
      buffer.writeBigInt64LE(-5n, 12);
      buffer.writeUIntBE(0x123456789a, 20, 5);
      buffer.writeInt32LE(-7, 28);
      buffer.write('żółw', 32);
      buffer.swap16();
      buffer.fill('ab', 50);
    }
    expect(ours).toStrictEqual(core);
    expect(ours.readUIntLE(20, 6)).toBe(core.readUIntLE(20, 6));
    expect(ours.indexOf('ab')).toBe(core.indexOf('ab'));
    expect(ours.includes('ba')).toBe(true);
    expectCode(() => ours.readUInt8(64), 'ERR_OUT_OF_RANGE');
  });

  test('takes own properties like any object, and loses them with nobody', () => {
    const view = arena.alloc(8) as Buffer & { note?: string };
    view.note = 'mine';
    expect(Object.keys(view)).toContain('note');
    delete view.note;
    arena.free(view);
  });

  test('a free and another allocation do not change its shape', () => {
    for (let i = 0; i < 100; i++) {
      const view = arena.alloc(40);
      expect(Reflect.ownKeys(view).length).toBe(40);
      arena.free(view);
    }
  });
});

describe('crypto and compression take it for one', () => {
  const arena = new Arena();
  afterAll(() => arena.destroy());

  test.each(SIZES)('%i bytes', (size) => {
    const { ours, core } = twins(arena, size);
    expect(createHash('sha256').update(ours).digest('hex')).toBe(
      createHash('sha256').update(core).digest('hex'),
    );
    expect(createHmac('sha1', ours).update(ours).digest('hex')).toBe(
      createHmac('sha1', core).update(core).digest('hex'),
    );
    const key = Buffer.alloc(32, 1);
    const encrypt = (data: Buffer): Buffer => {
      const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
      return Buffer.concat([cipher.update(data), cipher.final()]);
    };
    expect(encrypt(ours)).toStrictEqual(encrypt(core));
    expect(gunzipSync(arena.from(gzipSync(ours)))).toStrictEqual(core);
    expect(deflateSync(ours)).toStrictEqual(deflateSync(core));
    expect(brotliDecompressSync(brotliCompressSync(ours.subarray(0, 5000)))).toStrictEqual(
      core.subarray(0, 5000),
    );
  });

  test('random bytes are written into the block and nowhere else', () => {
    const fence = arena.alloc(1024, 0x77);
    const view = arena.alloc(1000);
    const other = arena.alloc(1024, 0x77);
    randomFillSync(view);
    expect(view.equals(Buffer.alloc(1000))).toBe(false);
    expect(fence.equals(Buffer.alloc(1024, 0x77))).toBe(true);
    expect(other.equals(Buffer.alloc(1024, 0x77))).toBe(true);
  });

  test('a Blob holds a copy', async () => {
    const view = arena.from('blob');
    const blob = new Blob([view]);
    view.fill(0);
    expect(await blob.text()).toBe('blob');
  });
});

describe('files', () => {
  const arena = new Arena();
  const folder = mkdtempSync(join(tmpdir(), 'hakmem-view-'));
  afterAll(() => {
    arena.destroy();
    rmSync(folder, { recursive: true });
  });

  test.each(SIZES)('%i bytes come back as they went, synchronously', (size) => {
    const file = join(folder, `sync-${size}`);
    const { ours, core } = twins(arena, size);
    writeFileSync(file, ours);
    expect(readFileSync(file)).toStrictEqual(core);

    const descriptor = openSync(file, 'r+');
    const back = arena.allocUnsafe(size);
    expect(readSync(descriptor, back, 0, size, 0)).toBe(size);
    expect(back).toStrictEqual(core);
    expect(writeSync(descriptor, ours, 0, size, 0)).toBe(size);
    closeSync(descriptor);
    expect(readFileSync(file)).toStrictEqual(core);
  });

  test.each(SIZES)('%i bytes come back as they went, asynchronously', async (size) => {
    const file = join(folder, `async-${size}`);
    const { ours, core } = twins(arena, size);
    await writeFile(file, ours);
    expect(await readFile(file)).toStrictEqual(core);

    const handle = await open(file);
    const back = arena.alloc(size + 10, 0x55);
    const { bytesRead } = await handle.read(back, 5, size, 0);
    await handle.close();
    expect(bytesRead).toBe(size);
    expect(back.subarray(5, size + 5)).toStrictEqual(core);
    expect(back.subarray(size + 5)).toStrictEqual(Buffer.alloc(5, 0x55));
  });

  test('streams carry it', async () => {
    const file = join(folder, 'stream');
    const chunks = Array.from({ length: 50 }, (_, i) => twins(arena, 1000 + i));
    await pipeline(Readable.from(chunks.map(({ ours }) => ours)), createWriteStream(file));
    const read: Buffer[] = [];
    for await (const chunk of createReadStream(file)) read.push(chunk as Buffer);
    expect(Buffer.concat(read)).toStrictEqual(Buffer.concat(chunks.map(({ core }) => core)));
  });
});

describe('a TCP socket', () => {
  test.each([1, 1000, 65_536, 1_000_000])('carries %i bytes both ways', async (size) => {
    const arena = new Arena();
    const server = createServer((socket: Socket) => {
      // An echo whose chunks pass through the arena as well.
      socket.on('data', (chunk) => {
        const copy = arena.from(chunk);
        socket.write(copy, () => arena.free(copy));
      });
      socket.on('end', () => socket.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    const { ours, core } = twins(arena, size);
    client.end(ours);
    const received: Buffer[] = [];
    for await (const chunk of client) received.push(arena.from(chunk as Buffer));
    expect(Buffer.concat(received)).toStrictEqual(core);
    server.close();
    await once(server, 'close');
    for (const view of [ours, ...received]) arena.free(view);
    expect(arena.stats().bytes.live).toBe(0);
    arena.destroy();
  });

  test('reads straight into it', async () => {
    const arena = new Arena();
    const { ours, core } = twins(arena, 5000);
    const server = createServer((socket) => socket.end(ours));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const target = arena.allocUnsafe(4096);
    const received: Buffer[] = [];
    const client = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: target,
        callback(bytes, buffer) {
          received.push(Buffer.from(buffer.subarray(0, bytes)));
          return true;
        },
      },
    });
    await once(client, 'end');
    client.destroy();
    server.close();
    await once(server, 'close');
    expect(Buffer.concat(received)).toStrictEqual(core);
    arena.destroy();
  });
});

describe('a copy for others', () => {
  const arena = new Arena();
  afterAll(() => arena.destroy());

  test.each(SIZES)('structuredClone of %i bytes is a copy', (size) => {
    const { ours, core } = twins(arena, size);
    const clone = structuredClone(ours);
    expect(Buffer.from(clone.buffer, clone.byteOffset, clone.length)).toStrictEqual(core);
    ours.fill(0);
    expect(Buffer.from(clone.buffer, clone.byteOffset, clone.length)).toStrictEqual(core);
    expect(arena.owns(ours)).toBe(true);
    expect(arena.owns(clone)).toBe(false);
  });

  test.each(SIZES)('a message of %i bytes is a copy', (size) => {
    const { port1, port2 } = new MessageChannel();
    const { ours, core } = twins(arena, size);
    port1.postMessage({ data: ours });
    ours.fill(0);
    const { data } = (receiveMessageOnPort(port2) as { message: { data: Uint8Array } }).message;
    expect(Buffer.from(data.buffer, data.byteOffset, data.length)).toStrictEqual(core);
    expect(ours.length).toBe(size);
    port1.close();
  });
});
