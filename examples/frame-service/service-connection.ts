// One connection of the service, and the part worth reading: when is a frame's memory free again?
//
//   request  when its digest is known, its echo copied, and newer ones have pushed it out of the
//            history: nobody else has ever seen it.
//   reply    only when the socket has called back. Until then it may sit in the stream's queue, or
//            the kernel may still be reading from it; freeing it at once would send somebody else's
//            bytes.
//   read     the buffer that the socket fills: when the socket is closed, for the same reason.

import type { Socket } from 'node:net';
import { readInto } from 'hakmem-arena';
import { crc32 } from './crc32';
import { Fifo } from '../support/fifo';
import { History } from './history';
import type { Memory } from '../support/memory';
import type { Scenario } from './scenario';
import {
  FrameReader,
  ProtocolError,
  REPLY_HEADER_BYTES,
  type RequestHandler,
  writeReplyHeader,
} from './protocol';

const READ_BYTES = 64 * 1024;

/** What all connections together have done. */
export interface Tally {
  frames: number;
}

export class ServiceConnection implements RequestHandler {
  readonly socket: Socket;
  readonly #memory: Memory;
  readonly #tally: Tally;
  readonly #reader: FrameReader;
  readonly #history: History;
  /** Replies handed to the socket and not called back yet, in the order of the writes. */
  readonly #unwritten = new Fifo<Buffer>();
  readonly #readBuffer: Buffer | undefined;

  /** @param accepted a connection of which nothing was read yet. */
  constructor(memory: Memory, tally: Tally, { reads, keep }: Scenario, accepted: Socket) {
    this.#memory = memory;
    this.#tally = tally;
    this.#reader = new FrameReader(memory, this);
    this.#history = new History(memory, keep);
    this.#readBuffer = reads === 'buffer' ? memory.allocate(READ_BYTES) : undefined;

    this.socket = this.#readBuffer
      ? this.#readInto(this.#readBuffer, accepted)
      : accepted.on('data', this.#onData).resume();
    this.socket.on('drain', this.#onDrain);
    this.socket.on('close', this.#onClose);
  }

  onRequest(sequence: number, echoBytes: number, payload: Buffer): void {
    const reply = this.#memory.allocate(REPLY_HEADER_BYTES + echoBytes);
    writeReplyHeader(reply, sequence, payload.length, echoBytes, crc32(payload));
    payload.copy(reply, REPLY_HEADER_BYTES, 0, echoBytes);
    this.#history.push(payload);

    this.#unwritten.push(reply);
    this.socket.write(reply, this.#onWritten);
    this.#tally.frames++;
  }

  /** One buffer for all reads: a read is consumed before the next one begins. */
  #readInto(buffer: Buffer, accepted: Socket): Socket {
    return readInto(accepted, {
      buffer: () => buffer,
      callback: (length) => this.#receive(buffer, length),
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#receive(chunk, chunk.length)) this.socket.pause();
  };

  /**
   * Corked, the replies to all frames of one chunk leave in one system call.
   *
   * @returns false: read no more for now. The client does not take its replies as fast as it sends.
   */
  #receive(chunk: Buffer, length: number): boolean {
    const { socket } = this;
    socket.cork();
    try {
      this.#reader.push(chunk, length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      socket.destroy(error);
    }
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  readonly #onDrain = (): void => {
    this.socket.resume();
  };

  /**
   * One function for all writes, because callbacks come in the order of the writes. Not so when the
   * socket fails: then queued writes are called back before the one that is still under way, and
   * everything waits for 'close'.
   */
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    const reply = this.#unwritten.shift();
    if (reply !== undefined) this.#memory.free(reply);
  };

  /** The handle is closed: libuv has let go of everything. */
  readonly #onClose = (): void => {
    this.#reader.dispose();
    this.#history.dispose();
    for (let reply = this.#unwritten.shift(); reply; reply = this.#unwritten.shift()) {
      this.#memory.free(reply);
    }
    if (this.#readBuffer) this.#memory.free(this.#readBuffer);
  };
}
