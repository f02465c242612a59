// Ways for a piece of a file to reach a worker thread, and for what the worker made of it to come back.

import { Worker } from 'node:worker_threads';
import { Arena, Channel } from 'hakmem-arena';

export const WAY_NAMES = ['channel', 'copy', 'transfer', 'shared'] as const;
export type WayName = (typeof WAY_NAMES)[number];

/** Bytes of a piece, at most. */
export const PIECE_BYTES = 64 * 1024;
/** Pieces that a worker has at a time, at most. */
export const WINDOW = 8;

/** `packed` is there until the promise settles. */
export type OnPacked = (number: number, packed: Uint8Array) => Promise<void>;

/** Main's side of one worker. It has up to `WINDOW` pieces at a time. */
export interface Lane {
  /** Memory for a piece, to be read into. */
  allocate(bytes: number): Buffer;
  /** Sends a piece; it is not main's any more. */
  send(piece: Buffer, number: number): Promise<void>;
  /** All that was sent has come back. */
  close(): Promise<void>;
}

/** What a worker is told first, beside the way. */
export interface Told {
  way: WayName;
  shared?: SharedArrayBuffer;
}

/** Messages of the ways that use `postMessage`. `slot`: where in shared memory the piece lies. */
export interface ToWorker {
  number: number;
  piece?: Uint8Array;
  slot?: number;
  bytes?: number;
}

export interface FromWorker {
  number: number;
  packed: Uint8Array;
}

const WORKER = require.resolve('./worker');

function startWorker(told: Told & Record<string, unknown>, transferList: unknown[] = []): Worker {
  const worker = new Worker(WORKER, { workerData: told, transferList: transferList as [] });
  worker.once('error', (error) => {
    throw error;
  });
  return worker;
}

/** By a channel of ours: pieces are handed over, what is small comes back as a copy. */
function openChannel(arena: Arena, onPacked: OnPacked): Lane {
  const [ours, theirs] = new Channel({ capacity: WINDOW }).ends;
  const end = Channel.open(ours, arena);
  startWorker({ way: 'channel', theirs }, [theirs.port]);
  const ended = end.receive((packed, [number]) => onPacked(number!, packed));
  return {
    allocate: (bytes) => arena.allocUnsafe(bytes),
    async send(piece, number) {
      while (!end.send(piece, [number])) await end.ready();
    },
    async close() {
      end.close();
      await ended;
    },
  };
}

/** Pieces in flight are told apart by `post`, which says what a message has beside the number. */
function openPort(
  told: Told,
  onPacked: OnPacked,
  {
    allocate,
    post,
  }: Pick<Lane, 'allocate'> & { post: (worker: Worker, p: Buffer, n: number) => void },
): Lane {
  const worker = startWorker({ ...told });
  worker.on('message', ({ number, packed }: FromWorker) => void onPacked(number, packed));
  return {
    allocate,
    send(piece, number) {
      post(worker, piece, number);
      return Promise.resolve();
    },
    async close() {
      await worker.terminate();
    },
  };
}

/** `postMessage` copies the piece, and the other thread copies it once more. */
function openCopy(onPacked: OnPacked): Lane {
  return openPort({ way: 'copy' }, onPacked, {
    allocate: (bytes) => Buffer.allocUnsafeSlow(bytes),
    post: (worker, piece, number) => worker.postMessage({ number, piece }),
  });
}

/** `postMessage` moves the ArrayBuffer, of which each piece has one. */
function openTransfer(onPacked: OnPacked): Lane {
  return openPort({ way: 'transfer' }, onPacked, {
    allocate: (bytes) => Buffer.from(new ArrayBuffer(bytes)),
    post: (worker, piece, number) =>
      worker.postMessage({ number, piece }, [piece.buffer as ArrayBuffer]),
  });
}

/** Pieces lie in memory that both threads see; a message says where. */
function openShared(onPacked: OnPacked): Lane {
  const shared = new SharedArrayBuffer(WINDOW * PIECE_BYTES);
  const free = Array.from({ length: WINDOW }, (_, slot) => slot);
  const slots = new Map<number, number>();
  const giveBack: OnPacked = (number, packed) => {
    free.push(slots.get(number)!);
    slots.delete(number);
    return onPacked(number, packed);
  };
  return openPort({ way: 'shared', shared }, giveBack, {
    allocate: (bytes) => Buffer.from(shared, free.pop()! * PIECE_BYTES, bytes),
    post(worker, { byteOffset, length }, number) {
      const slot = byteOffset / PIECE_BYTES;
      slots.set(number, slot);
      worker.postMessage({ number, slot, bytes: length });
    },
  });
}

/** @returns as many lanes as workers, and what ends them all. */
export function openLanes(way: WayName, workers: number, onPacked: OnPacked): Lane[] {
  const arena = way === 'channel' ? new Arena({ name: 'pieces' }) : undefined;
  const open = {
    channel: () => openChannel(arena!, onPacked),
    copy: () => openCopy(onPacked),
    transfer: () => openTransfer(onPacked),
    shared: () => openShared(onPacked),
  };
  return Array.from({ length: workers }, open[way]);
}
