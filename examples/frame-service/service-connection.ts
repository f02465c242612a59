// One connection of the service, and the part worth reading: when is a frame's memory free again?
//
//   request  when its digest is known, its echo copied, and newer ones have pushed it out of the
//            history: nobody else has ever seen it.
//   reply    only when the socket has called back. Until then it may sit in the stream's queue, or
//            the kernel may still be reading from it; freeing it at once would send somebody else's
//            bytes.

import type { Socket } from 'node:net';
import { crc32 } from './crc32';
import { Fifo } from './fifo';
import { History } from './history';
import type { Memory } from './memory';
import {
  FrameReader,
  ProtocolError,
  REPLY_HEADER_BYTES,
  type RequestHandler,
  writeReplyHeader,
} from './protocol';

/** What all connections together have done. */
export interface Tally {
  frames: number;
}

export class ServiceConnection implements RequestHandler {
  readonly #socket: Socket;
  readonly #memory: Memory;
  readonly #tally: Tally;
  readonly #reader: FrameReader;
  readonly #history: History;
  /** Replies handed to the socket and not called back yet, in the order of the writes. */
  readonly #unwritten = new Fifo<Buffer>();

  constructor(socket: Socket, memory: Memory, tally: Tally, keep: number) {
    this.#socket = socket;
    this.#memory = memory;
    this.#tally = tally;
    this.#reader = new FrameReader(memory, this);
    this.#history = new History(memory, keep);
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('close', this.#onClose);
  }

  onRequest(sequence: number, echoBytes: number, payload: Buffer): void {
    const memory = this.#memory;
    const reply = memory.allocate(REPLY_HEADER_BYTES + echoBytes);
    writeReplyHeader(reply, sequence, payload.length, echoBytes, crc32(payload));
    payload.copy(reply, REPLY_HEADER_BYTES, 0, echoBytes);
    this.#history.push(payload);

    this.#unwritten.push(reply);
    this.#socket.write(reply, this.#onWritten);
    this.#tally.frames++;
  }

  /** Corked, the replies to all frames of one chunk leave in one system call. */
  readonly #onData = (chunk: Buffer): void => {
    const socket = this.#socket;
    socket.cork();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      socket.destroy(error);
    }
    socket.uncork();
    // A client that does not read its replies gets no more requests read.
    if (socket.writableNeedDrain) socket.pause();
  };

  readonly #onDrain = (): void => {
    this.#socket.resume();
  };

  /**
   * One function for all writes, because callbacks come in the order of the writes. Not so when the
   * socket fails: then queued writes are called back before the one that is still under way, and
   * everything waits for 'close'.
   */
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    const reply = this.#unwritten.shift();
    if (reply !== undefined) this.#memory.release(reply);
  };

  /** The handle is closed: libuv has let go of every write. */
  readonly #onClose = (): void => {
    this.#reader.dispose();
    this.#history.dispose();
    for (let reply = this.#unwritten.shift(); reply; reply = this.#unwritten.shift()) {
      this.#memory.release(reply);
    }
  };
}
