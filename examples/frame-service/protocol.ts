// The wire format, and the reader that turns a byte stream back into frames.
//
//   request:  magic u32 | sequence u32 | payload bytes u32 | echo bytes u32 | payload
//   reply:    magic u32 | sequence u32 | payload bytes u32 | echo bytes u32 | CRC-32 u32 | echo
//
// All numbers are little-endian. The echo is the beginning of the request's payload; its length is
// the client's wish, so replies vary in size as requests do.

import type { Memory } from '../support/memory';

export const REQUEST_HEADER_BYTES = 16;
export const REPLY_HEADER_BYTES = 20;
export const MAX_PAYLOAD_BYTES = 64 * 1024;

const REQUEST_MAGIC = 0x51455246; // 'FREQ' as bytes
const REPLY_MAGIC = 0x50455246; // 'FREP' as bytes

/** The peer does not speak the protocol; the connection cannot be resynchronised. */
export class ProtocolError extends Error {}

/** Writes a request header into `target` at `at`; returns the offset behind it. */
export function writeRequestHeader(
  target: Buffer,
  at: number,
  sequence: number,
  payloadBytes: number,
  echoBytes: number,
): number {
  target.writeUInt32LE(REQUEST_MAGIC, at);
  target.writeUInt32LE(sequence, at + 4);
  target.writeUInt32LE(payloadBytes, at + 8);
  return target.writeUInt32LE(echoBytes, at + 12);
}

/** Writes a reply header to the front of `target`. */
export function writeReplyHeader(
  target: Buffer,
  sequence: number,
  payloadBytes: number,
  echoBytes: number,
  digest: number,
): void {
  target.writeUInt32LE(REPLY_MAGIC, 0);
  target.writeUInt32LE(sequence, 4);
  target.writeUInt32LE(payloadBytes, 8);
  target.writeUInt32LE(echoBytes, 12);
  target.writeUInt32LE(digest, 16);
}

/** Receives complete requests from a FrameReader, and owns each `payload` from then on. */
export interface RequestHandler {
  onRequest(sequence: number, echoBytes: number, payload: Buffer): void;
}

/**
 * Reassembles requests from chunks of any shape: a chunk may end in the middle of a header or a
 * payload, or carry a hundred frames. Each payload gets a Buffer of exactly its length, and its
 * bytes are copied once, from the chunk to their place.
 */
export class FrameReader {
  readonly #memory: Memory;
  readonly #handler: RequestHandler;
  readonly #header = Buffer.alloc(REQUEST_HEADER_BYTES);
  #headerFill = 0;
  #sequence = 0;
  #echoBytes = 0;
  #payload: Buffer | undefined;
  #payloadFill = 0;

  constructor(memory: Memory, handler: RequestHandler) {
    this.#memory = memory;
    this.#handler = handler;
  }

  /** Consumes the first `length` bytes of `chunk`. @throws {ProtocolError} */
  push(chunk: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      at =
        this.#payload === undefined
          ? this.#takeHeader(chunk, at, length)
          : this.#takePayload(chunk, at, length, this.#payload);
    }
  }

  /** Gives up a half-received payload. Call when the connection has ended. */
  dispose(): void {
    if (this.#payload !== undefined) this.#memory.free(this.#payload);
    this.#payload = undefined;
  }

  #takeHeader(chunk: Buffer, at: number, end: number): number {
    if (this.#headerFill === 0 && end - at >= REQUEST_HEADER_BYTES) {
      this.#beginPayload(chunk, at);
      return at + REQUEST_HEADER_BYTES;
    }
    const taken = chunk.copy(this.#header, this.#headerFill, at, end);
    this.#headerFill += taken;
    if (this.#headerFill === REQUEST_HEADER_BYTES) {
      this.#headerFill = 0;
      this.#beginPayload(this.#header, 0);
    }
    return at + taken;
  }

  #beginPayload(header: Buffer, at: number): void {
    const payloadBytes = header.readUInt32LE(at + 8);
    const echoBytes = header.readUInt32LE(at + 12);
    if (header.readUInt32LE(at) !== REQUEST_MAGIC) {
      throw new ProtocolError('a request does not begin with the magic number');
    }
    if (payloadBytes < 1 || payloadBytes > MAX_PAYLOAD_BYTES || echoBytes > payloadBytes) {
      throw new ProtocolError(`a request of ${payloadBytes} bytes asks for ${echoBytes} back`);
    }
    this.#sequence = header.readUInt32LE(at + 4);
    this.#echoBytes = echoBytes;
    this.#payload = this.#memory.allocate(payloadBytes);
    this.#payloadFill = 0;
  }

  #takePayload(chunk: Buffer, at: number, end: number, payload: Buffer): number {
    const taken = chunk.copy(payload, this.#payloadFill, at, end);
    this.#payloadFill += taken;
    if (this.#payloadFill === payload.length) {
      this.#payload = undefined;
      this.#handler.onRequest(this.#sequence, this.#echoBytes, payload);
    }
    return at + taken;
  }
}
