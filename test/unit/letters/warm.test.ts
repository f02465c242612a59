/**
 * Buffers that are adopted over and over: their ArrayBuffers are used again, and nobody who has had one sees it.
 */
import { afterEach, beforeEach, expect } from '@jest/globals';
import { markAsUntransferable } from 'node:worker_threads';
import { Arena, adopt, release } from '../../../lib/index';
import { native } from '../../../lib/native/native';
import { onlyNative } from '../support/backend';

const test = onlyNative('Buffers go to other threads with the addon only');

let arena: Arena;

beforeEach(() => {
  arena = new Arena();
});

afterEach(() => {
  arena.destroy();
});

const give = (bytes: number, value: number): Buffer =>
  adopt(arena.share(arena.alloc(bytes, value)));

test.each([100, 20_000, 65_536, 300_000, 3_000_000])(
  'views of %i bytes that were released never show what comes later',
  (size) => {
    const stale: Uint8Array[] = [];
    for (let i = 0; i < 50; i++) {
      const buffer = give(size, i);
      expect([buffer.length, buffer[0], buffer[size - 1]]).toEqual([size, i, i]);
      stale.push(buffer, new Uint8Array(buffer.buffer), buffer.subarray(1));
      release(buffer);
      expect(stale.every((view) => view.length === 0 && view.buffer.byteLength === 0)).toBe(true);
    }
  },
);

test('the same block may have another length each time', () => {
  for (let i = 0; i < 300; i++) {
    const size = 40_000 + ((i * 7919) % 20_000);
    const buffer = give(size, i & 255);
    expect([buffer.length, buffer.buffer.byteLength]).toEqual([size, size]);
    expect(buffer.every((byte) => byte === (i & 255))).toBe(true);
    release(buffer);
  }
});

test('more Buffers at once than are kept warm', () => {
  for (let round = 0; round < 3; round++) {
    const buffers = Array.from({ length: 3000 }, (_, i) => give(50 + (i % 3), i & 255));
    expect(buffers.every((it, i) => it.length === 50 + (i % 3) && it[49] === (i & 255))).toBe(true);
    for (const it of buffers) release(it);
  }
  expect(arena.stats().lending.away).toBe(0);
});

test('more bytes at once than are kept warm', () => {
  const giveLong = (bytes: number, value: number): Buffer => {
    const view = arena.allocUnsafe(bytes);
    view[bytes - 1] = value; // one page of each
    return adopt(arena.share(view));
  };
  for (let round = 0; round < 3; round++) {
    const before = process.memoryUsage().external;
    const buffers = Array.from({ length: 80 }, (_, i) => giveLong(4 * 1024 * 1024 - round, i));
    expect(buffers.every((it, i) => it[it.length - 1] === i)).toBe(true);
    for (const it of buffers) release(it);
    if (round > 0) {
      expect(process.memoryUsage().external - before).toBeLessThan(257 * 1024 * 1024);
    }
  }
});

test('one that must stay attached, or was taken away, is not used again', () => {
  const marked = give(20_000, 1);
  markAsUntransferable(marked.buffer);
  release(marked);
  const taken = give(20_000, 2);
  const bytes = structuredClone(taken);
  release(taken);
  const last = give(20_000, 3);
  expect([bytes[0], last[0], last[19_999]]).toEqual([2, 3, 3]);
  release(last);
});

test('one that is listed in a transfer is its receiver`s, unless it is copied or refused', () => {
  release(give(20_000, 1));
  const buffer = give(20_000, 2);
  let got: Uint8Array | undefined;
  try {
    got = structuredClone(buffer, { transfer: [buffer.buffer as ArrayBuffer] });
  } catch {
    expect(buffer[19_999]).toBe(2);
  }
  const isTaken = buffer.length === 0;
  release(buffer);
  for (let i = 0; i < 20; i++) release(give(20_000, 3));
  expect(got?.every((byte) => byte === 2)).not.toBe(false);
  expect(arena.stats().lending.away).toBe(isTaken ? 1 : 0);
});

test('what others mark or add to an ArrayBuffer is not there the next time', () => {
  const first = give(20_000, 1);
  Object.assign(first.buffer, { mark: 'mine' });
  const { buffer } = first;
  release(first);
  const second = give(20_000, 2);
  expect(second.buffer).not.toBe(buffer);
  expect(Object.keys(second.buffer)).toEqual([]);
  release(second);
});

/** How often these entries of the native side are called meanwhile. */
function callsOf(names: readonly string[], fn: () => void): Record<string, number> {
  const calls = Object.fromEntries(names.map((name) => [name, 0]));
  const before = names.map((name) => Reflect.get(native, name) as (...all: unknown[]) => unknown);
  for (const [i, name] of names.entries()) {
    const value = (...all: unknown[]): unknown => {
      calls[name]!++;
      return before[i]!(...all);
    };
    Object.defineProperty(native, name, { value });
  }
  try {
    fn();
  } finally {
    for (const [i, name] of names.entries()) {
      Object.defineProperty(native, name, { value: before[i] });
    }
  }
  return calls;
}

test('a block beyond 64 KB that comes back is handed out again without the core', () => {
  const pass = (): void => {
    const away = Array.from({ length: 20 }, (_, i) => give(1024 * 1024, i));
    for (const it of away) release(it);
  };
  pass();
  const calls = callsOf(['largeAlloc', 'largeFree', 'expose', 'adopt'], () => {
    for (let i = 0; i < 20; i++) pass();
  });
  expect(calls).toEqual({ largeAlloc: 0, largeFree: 0, expose: 0, adopt: 400 });
});
