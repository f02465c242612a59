/**
 * Adopted Buffers in streams and promises: any arena of the thread holds them as it holds its own, and their memory
 * goes back after the last use.
 */
import { afterEach, beforeEach, describe, expect } from '@jest/globals';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer as bytesOf } from 'node:stream/consumers';
import { createGzip, gunzipSync } from 'node:zlib';
import { Arena, Channel, adopt, release } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { codeOf } from '../support/codes';

const test = onlyNative('Buffers go to other threads with the addon only');

/** Whose Buffers are adopted, and who holds them. */
let lender: Arena;
let arena: Arena;

beforeEach(() => {
  lender = new Arena();
  arena = new Arena();
});

afterEach(() => {
  lender.destroy();
  if (!arena.destroyed) arena.destroy();
});

const adopted = (size: number, byte = 1): Buffer => adopt(lender.share(lender.alloc(size, byte)));
const away = (): number => lender.stats().lending.away;

/** Overwrites what is free: whoever still reads it sees that. */
function spoil(size: number): void {
  const views = Array.from({ length: 300 }, () => lender.alloc(size, 0xee));
  for (const view of views) lender.free(view);
}

/** What a server gets that reads slowly. */
async function receivedBy(act: (socket: Socket) => Promise<void>): Promise<Buffer> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection');
  const socket = connect(port, '127.0.0.1');
  const [peer] = (await accepted) as [Socket];
  const all = bytesOf(peer);
  await act(socket);
  socket.end();
  const bytes = await all;
  server.close();
  return bytes;
}

describe.each([100, 5000, 300_000])('an adopted Buffer of %i bytes', (size) => {
  test('goes into a socket and back to its arena after the write', async () => {
    const bytes = await receivedBy(async (socket) => {
      const writes = [1, 2, 3].map(async (byte) => {
        const buffer = adopted(size, byte);
        const done = arena.freeAfterWrite(socket, buffer);
        expect(codeOf(() => release(buffer))).toBe('ERR_HAKMEM_DOUBLE_FREE');
        await done;
        expect(buffer.length).toBe(0);
      });
      spoil(size);
      await Promise.all(writes);
    });
    const expected = Buffer.concat([1, 2, 3].map((byte) => Buffer.alloc(size, byte)));
    expect(bytes.equals(expected)).toBe(true);
    expect(away()).toBe(0);
  });

  test('may be written by who does not wait, and through a stream that gets a copy', async () => {
    const gzip = createGzip();
    const through = new PassThrough();
    const zipped = bytesOf(gzip);
    const passed = bytesOf(through);
    arena.writeAndFree(gzip, adopted(size, 4));
    arena.writeAndFree(through, adopted(size, 5));
    gzip.end();
    through.end();
    expect(gunzipSync(await zipped).equals(Buffer.alloc(size, 4))).toBe(true);
    spoil(size);
    expect((await passed).equals(Buffer.alloc(size, 5))).toBe(true);
    expect(away()).toBe(0);
  });

  test('goes into a stream of the web', async () => {
    const chunks: Buffer[] = [];
    const target = new WritableStream<Uint8Array>({
      write: (chunk) => void chunks.push(Buffer.from(chunk)),
    });
    await arena.freeAfterWrite(target, adopted(size, 6));
    await arena.freeAfterWrite(target, adopted(size, 7), { zeroCopy: true });
    const expected = [6, 7].map((byte) => Buffer.alloc(size, byte));
    expect(Buffer.concat(chunks).equals(Buffer.concat(expected))).toBe(true);
    expect(away()).toBe(0);
  });

  test('is back after a promise, either way', async () => {
    const path = join(tmpdir(), `hakmem-adopted-${process.pid}-${size}`);
    const file = await open(path, 'w+');
    const buffer = adopted(size, 8);
    const written = arena.freeAfter(buffer, file.write(buffer));
    expect(away()).toBe(1);
    await written;
    expect(away()).toBe(0);
    await file.close();
    expect((await readFile(path)).equals(Buffer.alloc(size, 8))).toBe(true);
    await rm(path);
    const failed = arena.freeAfter(adopted(size), Promise.reject(new Error('on purpose')));
    await expect(failed).rejects.toThrow('on purpose');
    expect(away()).toBe(0);
  });

  test('stays until whoever retains it has released it, whatever becomes of the arena', () => {
    const buffer = arena.retain(adopted(size, 9));
    arena.retain(buffer);
    expect(arena.release(buffer)).toBe(false);
    release(buffer);
    expect(codeOf(() => release(buffer))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    expect(codeOf(() => arena.release(adopted(1)))).toBe('ERR_INVALID_STATE');
    spoil(size);
    arena.destroy();
    expect(buffer.equals(Buffer.alloc(size, 9))).toBe(true);
    expect(arena.release(buffer)).toBe(true);
    expect(buffer.length).toBe(0);
    expect(codeOf(() => arena.release(buffer))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    expect(codeOf(() => arena.retain(buffer))).toBe('ERR_HAKMEM_DOUBLE_FREE');
  });

  test('that a stream refuses is still its owner`s', async () => {
    const ended = new PassThrough().end();
    ended.on('error', () => {});
    await once(ended.resume(), 'close');
    const buffer = adopted(size);
    expect(codeOf(() => arena.writeAndFree({} as never, buffer))).toBe('ERR_INVALID_ARG_TYPE');
    await expect(arena.freeAfter(buffer, 5 as never)).rejects.toThrow();
    release(buffer);
    await expect(arena.freeAfterWrite(new PassThrough(), buffer)).rejects.toMatchObject({
      code: 'ERR_HAKMEM_DOUBLE_FREE',
    });
    expect(away()).toBe(0);
  });

  test('is copied out as long as it is there', () => {
    const buffer = adopted(size, 3);
    const copy = arena.copyOut(buffer.subarray(1));
    release(buffer);
    spoil(size);
    expect(copy.equals(Buffer.alloc(size - 1, 3))).toBe(true);
    expect(codeOf(() => arena.copyOut(buffer))).toBe('ERR_HAKMEM_STALE_VIEW');
  });

  test('is no view of the arena that holds it', () => {
    const buffer = adopted(size);
    expect(arena.owns(buffer)).toBe(false);
    expect(codeOf(() => arena.free(buffer))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => lender.free(buffer))).toBe('ERR_HAKMEM_NOT_OWNED');
    release(buffer);
  });

  test('that a channel has brought goes on into a socket, while the next is read', async () => {
    const [left, right] = new Channel({ threshold: 2048 }).ends.map((handle) =>
      Channel.open(handle, lender),
    );
    const bytes = await receivedBy(async (socket) => {
      const writes: Promise<void>[] = [];
      for (let byte = 0; byte < 20; byte++) left!.send(lender.alloc(size, byte));
      for await (const buffer of right!) {
        writes.push(lender.freeAfterWrite(socket, buffer));
        if (writes.length === 20) break;
      }
      spoil(size);
      await Promise.all(writes);
    });
    right!.close();
    const expected = Array.from({ length: 20 }, (_, byte) => Buffer.alloc(size, byte));
    expect(bytes.equals(Buffer.concat(expected))).toBe(true);
    expect(away()).toBe(0);
    lender.trim();
    expect(lender.stats().bytes.used).toBe(0);
  });
});
