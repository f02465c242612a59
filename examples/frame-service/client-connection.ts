// One connection of the client: keeps a window of frames in flight and checks every byte of every
// reply. Frames leave in batches, from buffers that are used again and again, so that the client
// stays out of the way of what is measured.

import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Plan } from './plan';
import {
  MAX_PAYLOAD_BYTES,
  REPLY_HEADER_BYTES,
  REQUEST_HEADER_BYTES,
  writeReplyHeader,
  writeRequestHeader,
} from './protocol';

const BATCH_BYTES = 2 * (REQUEST_HEADER_BYTES + MAX_PAYLOAD_BYTES);

/** What all connections share: the next frame to send, the phase, and the latencies. */
export interface Traffic {
  readonly plan: Plan;
  /** Sequence number of the next frame, and where the present phase ends. */
  next: number;
  end: number;
  answered: number;
  /** Frames from here on are measured. */
  readonly measureFrom: number;
  readonly latenciesMs: Float64Array;
  onFailure(error: Error): void;
  onPhaseEnd(): void;
}

export class ClientConnection {
  readonly #traffic: Traffic;
  readonly #socket: Socket;
  readonly #spareBatches: Buffer[] = [];
  readonly #batchesUnderWay: Buffer[] = [];

  /** Frames in flight, oldest first: a ring of sequence numbers and of the times they were sent. */
  readonly #sequences: Uint32Array;
  readonly #sentAt: Float64Array;
  #oldest = 0;
  #inFlight = 0;

  /** How much of the oldest frame's reply has come, and what its header must be. */
  #replyFill = 0;
  readonly #replyHeader = Buffer.alloc(REPLY_HEADER_BYTES);

  constructor(traffic: Traffic, window: number, socket: Socket) {
    this.#traffic = traffic;
    this.#sequences = new Uint32Array(window);
    this.#sentAt = new Float64Array(window);
    this.#socket = socket;
    socket.on('data', this.#onChunk);
    socket.on('drain', () => this.send());
    socket.on('error', (error) => traffic.onFailure(error));
    socket.on('close', this.#onClose);
  }

  close(): void {
    this.#socket.off('close', this.#onClose);
    this.#socket.end();
  }

  /** Sends while the window is open, the phase has frames left and the socket takes them. */
  send(): void {
    while (this.#mayBegin() && !this.#socket.writableNeedDrain) this.#sendBatch();
  }

  #mayBegin(): boolean {
    return this.#inFlight < this.#sequences.length && this.#traffic.next < this.#traffic.end;
  }

  #sendBatch(): void {
    const batch = this.#spareBatches.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
    const now = performance.now();
    let fill = 0;
    while (this.#mayBegin() && fill + REQUEST_HEADER_BYTES + MAX_PAYLOAD_BYTES <= BATCH_BYTES) {
      fill = this.#appendFrame(batch, fill, now);
    }
    this.#batchesUnderWay.push(batch);
    this.#socket.write(batch.subarray(0, fill), this.#onBatchWritten);
  }

  /** @returns the offset behind the frame. */
  #appendFrame(batch: Buffer, at: number, now: number): number {
    const { plan } = this.#traffic;
    const sequence = this.#traffic.next++;
    const row = sequence % plan.lapFrames;
    const offset = plan.offsets[row]!;
    const payloadBytes = plan.payloadBytes[row]!;

    const slot = (this.#oldest + this.#inFlight++) % this.#sequences.length;
    this.#sequences[slot] = sequence;
    this.#sentAt[slot] = now;

    const payloadAt = writeRequestHeader(batch, at, sequence, payloadBytes, plan.echoBytes[row]!);
    plan.input.copy(batch, payloadAt, offset, offset + payloadBytes);
    return payloadAt + payloadBytes;
  }

  readonly #onBatchWritten = (error?: Error | null): void => {
    const batch = this.#batchesUnderWay.shift();
    if (!error && batch !== undefined) this.#spareBatches.push(batch);
  };

  readonly #onChunk = (chunk: Buffer): void => {
    const now = performance.now();
    let at = 0;
    while (at < chunk.length) {
      const taken = this.#check(chunk, at, now);
      if (taken === 0) return;
      at += taken;
    }
    this.send();
  };

  /** Compares what has come with what must come next. @returns bytes found right; 0: wrong. */
  #check(chunk: Buffer, at: number, now: number): number {
    if (this.#inFlight === 0) return this.#fail('a reply that nobody asked for');
    const { plan } = this.#traffic;
    const sequence = this.#sequences[this.#oldest]!;
    const row = sequence % plan.lapFrames;
    const echoBytes = plan.echoBytes[row]!;
    const fill = this.#replyFill;
    if (fill === 0) this.#expectReply(sequence, row);

    const inHeader = fill < REPLY_HEADER_BYTES;
    const expected = inHeader ? this.#replyHeader : plan.input;
    const from = inHeader ? fill : plan.offsets[row]! + fill - REPLY_HEADER_BYTES;
    const replyBytes = REPLY_HEADER_BYTES + echoBytes;
    const taken = Math.min((inHeader ? REPLY_HEADER_BYTES : replyBytes) - fill, chunk.length - at);
    if (chunk.compare(expected, from, from + taken, at, at + taken) !== 0) {
      return this.#fail(`frame ${sequence}: the reply's ${inHeader ? 'header' : 'echo'} is wrong`);
    }
    this.#replyFill += taken;
    if (this.#replyFill === replyBytes) this.#complete(sequence, now);
    return taken;
  }

  #expectReply(sequence: number, row: number): void {
    const { payloadBytes, echoBytes, digests } = this.#traffic.plan;
    const header = this.#replyHeader;
    writeReplyHeader(header, sequence, payloadBytes[row]!, echoBytes[row]!, digests[row]!);
  }

  #complete(sequence: number, now: number): void {
    const traffic = this.#traffic;
    const measured = sequence - traffic.measureFrom;
    if (measured >= 0) traffic.latenciesMs[measured] = now - this.#sentAt[this.#oldest]!;
    this.#replyFill = 0;
    this.#oldest = (this.#oldest + 1) % this.#sequences.length;
    this.#inFlight--;
    traffic.answered++;
    if (traffic.answered === traffic.end) traffic.onPhaseEnd();
  }

  #fail(message: string): 0 {
    this.#socket.destroy();
    this.#traffic.onFailure(new Error(message));
    return 0;
  }

  readonly #onClose = (): void => {
    const { answered } = this.#traffic;
    this.#traffic.onFailure(new Error(`connection lost after ${answered} replies`));
  };
}
