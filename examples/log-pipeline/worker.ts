// Worker thread: compresses every piece it gets, and sends what came out of it back.

import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { Arena, Channel, type ChannelHandle } from 'hakmem-arena';
import { PIECE_BYTES, type Told, type ToWorker } from './ways';

const FASTEST = { level: 1 };
const told = workerData as Told & { theirs: ChannelHandle };

function compressFromChannel(): void {
  const arena = new Arena({ name: 'packed' });
  const end = Channel.open(told.theirs, arena);
  void end.receive(async (piece, [number]) => {
    const packed = arena.from(gzipSync(piece, FASTEST));
    while (!end.send(packed, [number!])) await end.ready();
  });
}

function pieceOf({ piece, slot, bytes }: ToWorker): Uint8Array {
  return piece ?? new Uint8Array(told.shared!, slot! * PIECE_BYTES, bytes);
}

function compressFromPort(): void {
  parentPort!.on('message', (message: ToWorker) => {
    const { number } = message;
    const packed = gzipSync(pieceOf(message), FASTEST);
    if (told.way === 'copy') {
      parentPort!.postMessage({ number, packed });
    } else {
      const own = new Uint8Array(packed); // of its own ArrayBuffer, which may go
      parentPort!.postMessage({ number, packed: own }, [own.buffer]);
    }
  });
}

if (told.way === 'channel') compressFromChannel();
else compressFromPort();
