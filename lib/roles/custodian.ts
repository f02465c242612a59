/**
 * Custodian: the calls of an arena that keep a view for whoever still uses it.
 */
import type { View } from '../view/view';
import type { WritableLike, WriteTarget } from '../streams/targets';

/**
 * What {@link Arena.freeAfterWrite} takes beside the stream and the view.
 *
 * @example
 * const options: FreeAfterWriteOptions = { zeroCopy: true };
 */
export interface FreeAfterWriteOptions {
  /**
   * true: you vouch for the stream: nobody reads a chunk any more once it calls back (or its promise settles),
   * or once it has closed without. It gets the view itself then.
   * @default false: true of Node's own sinks, and a copy for all others
   */
  readonly zeroCopy?: boolean;
}

/**
 * What keeps a view beyond its free: an {@link Arena}. It keeps what its thread has adopted ({@link adopt}) as it keeps
 * views of its own, and the memory goes back to whose it is after the last use.
 *
 * @example
 * const send = (memory: Custodian, frame: Buffer): Promise<void> => memory.freeAfterWrite(socket, frame);
 * await send(arena, arena.from('frame'));
 */
export interface Custodian {
  /**
   * Holds a view beyond its free: until the last {@link Arena.release} its bytes stay what they are,
   * also when it is freed, its scope ends, or the arena is reset or destroyed. Everyone who retains
   * releases, once each.
   *
   * @param view - a live view of this arena or an adopted Buffer, or one that is retained already.
   * @returns the same view.
   * @throws as {@link Arena.free}.
   * @example
   * import fs from 'node:fs';
   * const page = arena.retain(arena.allocUnsafe(4096));
   * fs.write(fd, page, () => arena.release(page));
   * arena.free(page); // waits for the write
   */
  retain<V extends View>(view: V): V;

  /**
   * Takes back one {@link Arena.retain}. A view that has been freed meanwhile is recycled by its last
   * release; one that has not stays live. Works after a reset and after destroy, too.
   *
   * @returns true: that was the last, and the view is gone now.
   * @throws {ERR_INVALID_STATE} the view is live, but not retained.
   * @throws as {@link Arena.free} otherwise.
   * @example
   * const page = arena.retain(arena.allocUnsafe(4096));
   * arena.release(page); // false: it is still its owner's
   */
  release(view: View): boolean;

  /**
   * Frees a view once a promise settles, either way: for the promise of an operation that uses it. The
   * view counts as freed at once, and is retained until then.
   *
   * @param view - a live view of this arena, or an adopted Buffer.
   * @param promise - any promise or thenable.
   * @returns a promise that settles as `promise` does, after the view is free. Rejects with
   *   `ERR_INVALID_ARG_TYPE` when `promise` is none, and with what {@link Arena.free} throws.
   * @example
   * const page = arena.alloc(4096);
   * await arena.freeAfter(page, file.write(page));
   */
  freeAfter<T>(view: View, promise: PromiseLike<T>): Promise<T>;

  /**
   * Writes a view to a stream and frees it when nobody reads it any more. The view counts as freed at once;
   * if the stream refuses it, it stays the caller's.
   *
   * Node's own sinks (sockets and TLS, requests and responses of `http`, file streams, `zlib`, ciphers and
   * hashes) get the view itself, and have let go of it when they call back, or close without. Every other
   * stream gets a copy, because its callback proves nothing: a PassThrough has passed the chunk on, http2 may
   * still be sending it. A stream of your own that lets go before it calls back need not be copied for:
   * `{ zeroCopy: true }`.
   *
   * @param writable - a Writable of Node, or a WritableStream of the web that is not locked, or its writer.
   * @param view - a live Buffer of this arena or an adopted one, or another view that the stream takes.
   * @returns a promise that fulfils when the view is free and the write succeeded. Rejects with the
   *   error of the write, with `ERR_INVALID_ARG_TYPE` when `writable` is no stream, and with what
   *   {@link Arena.free} throws.
   * @example
   * await arena.freeAfterWrite(socket, arena.from(`HTTP/1.1 204 No Content\r\n\r\n`));
   */
  freeAfterWrite(writable: WriteTarget, view: View, options?: FreeAfterWriteOptions): Promise<void>;

  /**
   * The same for whoever does not wait for the write: no promise is made. What goes wrong with the write, the stream
   * tells by its own 'error' event, as for any other write; the view is freed all the same.
   *
   * @param writable - a Writable of Node. Streams of the web have nothing but promises.
   * @returns what `writable.write` does: false means to wait for 'drain'.
   * @throws {ERR_INVALID_ARG_TYPE} `writable` is no stream of Node; or what `writable.write` throws: then the view
   *   stays the caller's. Otherwise as {@link Arena.free}.
   * @example
   * if (!arena.writeAndFree(socket, arena.from('tick'))) logger.warn('the client is slow');
   */
  writeAndFree(writable: WritableLike, view: View, options?: FreeAfterWriteOptions): boolean;
}
