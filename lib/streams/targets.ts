/**
 * Targets: what a view can be written to.
 */
import type { Closable } from './closings';

/**
 * What {@link Arena.freeAfterWrite} needs of a stream; every Writable of Node has it.
 *
 * @example
 * import { PassThrough } from 'node:stream';
 * const stream: WritableLike = new PassThrough();
 */
export interface WritableLike extends Closable {
  /** Takes a chunk; `callback` is called when the stream takes the next one, or has failed. */
  write(chunk: never, callback: (error?: Error | null) => void): unknown;
}

/**
 * The writer of a WritableStream, as {@link Arena.freeAfterWrite} takes it.
 *
 * @example
 * import { Writable } from 'node:stream';
 * const writer: WebWriterLike = Writable.toWeb(socket).getWriter();
 */
export interface WebWriterLike {
  /** Takes a chunk; its promise says that the stream takes the next one. */
  write(chunk: never): Promise<unknown>;
  /** Gives the stream back to others. */
  releaseLock(): void;
}

/**
 * A WritableStream that nobody has locked.
 *
 * @example
 * import { Writable } from 'node:stream';
 * const stream: WebWritableLike = Writable.toWeb(socket);
 */
export interface WebWritableLike {
  /** Locks the stream. */
  getWriter(): WebWriterLike;
}

/**
 * Where {@link Arena.freeAfterWrite} writes to.
 *
 * @example
 * import { Writable } from 'node:stream';
 * const targets: WriteTarget[] = [socket, Writable.toWeb(socket)];
 */
export type WriteTarget = WritableLike | WebWritableLike | WebWriterLike;
