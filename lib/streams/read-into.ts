/**
 * Read into: sockets that were accepted read into memory of the program, as those that connect do by `onread`.
 *
 * Node takes `onread` from whoever makes a socket, and a server makes its sockets itself. So the connection is moved to
 * a socket made here, before anything was read. The handle of a socket is not public: where it is not what it is
 * expected to be, the socket stays as it is, and what it reads is copied.
 */
import type Net from 'node:net';
import { invalidArgType, invalidState } from '../errors';

/**
 * Where a socket reads to, as `onread` of `node:net`.
 *
 * @example
 * const onread: ReadTarget = {
 *   buffer: () => arena.allocUnsafe(16_384),
 *   callback: (bytes, page) => {
 *     handle(page.subarray(0, bytes));
 *     arena.free(page);
 *   },
 * };
 */
export interface ReadTarget {
  /** Gives the memory for the next read, at least a byte; it is the callback's from then on, or the socket's until 'close'. */
  readonly buffer: () => Buffer;
  /** Is told of each read. What returns false wants no more until `socket.resume()`. */
  readonly callback: (bytes: number, buffer: Buffer) => unknown;
}

/** What is known of the handle of a connection. */
interface Handle {
  readonly reading?: boolean;
  readonly useUserBuffer?: unknown;
  readonly constructor: { readonly name: string };
}

/** What a socket has beside its public properties. */
interface Accepted {
  _handle: Handle | null | undefined;
  /** The server, which counts its connections by this. */
  _server: object | null | undefined;
  server: object | null | undefined;
}

/** The handles that read into a buffer they are given. */
const HANDLES = new Set(['TCP', 'Pipe']);

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when there are sockets: it costs 1 MB */
const net = (): typeof Net => require('node:net') as typeof Net;
/* eslint-enable @typescript-eslint/no-require-imports */

/** The handle of a socket of which nothing was read, and that nobody but its server has; undefined: it is another. */
function movableHandleOf(socket: Net.Socket): Handle | undefined {
  const { _handle: handle, _server: server } = socket as unknown as Accepted;
  // A class of the program, or TLS, does more on the way.
  if (Object.getPrototypeOf(socket) !== net().Socket.prototype) return undefined;
  if (typeof handle !== 'object' || handle === null || typeof server !== 'object') return undefined;
  if (socket.bytesRead !== 0 || socket.bytesWritten !== 0 || socket.destroyed) return undefined;
  const isKnown =
    HANDLES.has(handle.constructor.name) && typeof handle.useUserBuffer === 'function';
  return isKnown && handle.reading === false ? handle : undefined;
}

/** The next buffer that a target gives. */
function pageOf(onread: ReadTarget): Buffer {
  const page: unknown = onread.buffer();
  if (page instanceof Uint8Array && page.length > 0) return page as Buffer;
  throw invalidArgType('onread.buffer()', 'a Buffer of at least one byte', page);
}

/** Moves a connection to a new socket, which its server counts in the place of the old one. */
function moved(accepted: Net.Socket, handle: Handle, onread: ReadTarget): Net.Socket {
  const old = accepted as unknown as Accepted;
  const { server, _server } = old;
  const { allowHalfOpen } = accepted;
  // Asked for before anything is changed: the program may throw.
  let first: Buffer | undefined = pageOf(onread);
  const buffer = (): Buffer => {
    const page = first ?? onread.buffer();
    first = undefined;
    return page;
  };
  const reads = { buffer, callback: onread.callback.bind(onread) };
  const options = { handle, allowHalfOpen, readable: true, writable: true, onread: reads };
  const socket = new (net().Socket)(options);
  Object.assign(socket, { server, _server });
  old._handle = old._server = old.server = null;
  return socket;
}

/** Copies what a socket reads. */
function copyReads(socket: Net.Socket, onread: ReadTarget): Net.Socket {
  let next = pageOf(onread);
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length;) {
      const page = next;
      const bytes = chunk.copy(page, 0, at);
      // Somebody has reset the arena that it is of, or given it away.
      if (bytes === 0) {
        socket.destroy(invalidState('The buffer to read into has no bytes any more'));
        return;
      }
      at += bytes;
      const isEnough = onread.callback(bytes, page) === false;
      next = pageOf(onread);
      if (!isEnough) continue;
      socket.pause();
      if (at < chunk.length) socket.unshift(chunk.subarray(at));
      return;
    }
  });
  socket.resume();
  return socket;
}

/**
 * Has a socket that a server of `node:net` accepted read into memory of the program, an arena's for example: no chunk is
 * allocated, none copied. The server needs `pauseOnConnect: true`. The connection goes on in the socket that is
 * returned, and the one that was given is of no more use. Whoever has given the last buffer, which no callback was told
 * of, frees it when that socket has closed.
 *
 * Where a connection cannot be moved (TLS, a socket that has begun to read, a runtime other than Node) the same socket is
 * returned, and what it reads is copied into the buffers.
 *
 * @returns the socket of the connection from now on.
 * @throws {ERR_INVALID_ARG_TYPE} `accepted` is not a socket, `onread` lacks one of its functions, or gives no Buffer.
 * @example
 * import { createServer } from 'node:net';
 *
 * const server = createServer({ pauseOnConnect: true }, (accepted) => {
 *   let next: Buffer;
 *   const socket = readInto(accepted, {
 *     buffer: () => (next = arena.allocUnsafe(65_536)),
 *     callback: (bytes, page) => socket.write(page.subarray(0, bytes), () => arena.free(page)),
 *   });
 *   socket.once('close', () => arena.free(next));
 * });
 */
export function readInto(accepted: Net.Socket, onread: ReadTarget): Net.Socket {
  if (!(accepted instanceof net().Socket)) {
    throw invalidArgType('accepted', 'an instance of net.Socket', accepted);
  }
  const given = onread as Partial<ReadTarget> | null | undefined;
  if (typeof given?.buffer !== 'function' || typeof given.callback !== 'function') {
    throw invalidArgType('onread', 'an object with the functions buffer and callback', onread);
  }
  const handle = movableHandleOf(accepted);
  return handle === undefined ? copyReads(accepted, onread) : moved(accepted, handle, onread);
}
