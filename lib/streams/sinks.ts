/**
 * Sinks: the streams that are known to have let go of a chunk when they call back.
 *
 * The callback of a stream says that the stream takes the next chunk, not that nobody reads the last one any
 * more: a PassThrough has only moved it to its other side, and http2 calls back while frames wait in the
 * session's socket. A stream of this table hands its bytes to the system, copies them, or has computed with
 * them before it calls back. Every row is proven by a test that overwrites the memory behind its back.
 *
 * A stream belongs to a row only while the methods on the way of a chunk are those that Node put there.
 * A subclass, or a middleware that has replaced `write`, may send the chunk anywhere.
 *
 * The table is made with the first stream: the modules it needs would cost a program without streams 1 MB.
 */
import type Crypto from 'node:crypto';
import fs from 'node:fs';
import type Http from 'node:http';
import type Net from 'node:net';
import { Transform } from 'node:stream';
import type Zlib from 'node:zlib';
import { type Closable, isClosable } from './closings';

/** How a stream lets go of a chunk that it does not call back for. */
export interface Sink {
  /** The first 'close' of these ends every write that was not called back. */
  readonly closers: readonly Closable[];
  /** Whether a thread of the system may read a chunk even after that. */
  readonly isReading: (chunk: object) => boolean;
}

type Fields = Readonly<Record<PropertyKey, unknown>>;

/** A row of the table. */
export interface Row {
  readonly prototype: object;
  /** The methods on the way of a chunk, as they were when the table was made. */
  readonly methods: readonly (readonly [name: string, method: unknown])[];
  /** The sink that the stream is, unless what lies behind it is not known. */
  readonly sinkOf: (stream: object) => Sink | undefined;
}

const never = (): boolean => false;

/** Sinks that have let go of every chunk when they close. */
function letsGo(stream: object): Sink {
  return { closers: [stream as Closable], isReading: never };
}

/** Whether a sink has let go of every chunk when it closes. */
export function isDoneWhenClosed({ isReading }: Sink): boolean {
  return isReading === never;
}

function row(prototype: object, names: readonly string[], sinkOf: Row['sinkOf']): Row {
  const methods = names.map((name) => [name, (prototype as Fields)[name]] as const);
  return { prototype, methods, sinkOf };
}

// --- Sockets ----------------------------------------------------------------------------------------

/** Handles of sockets: those of the system, and TLS, which encrypts into memory of its own. */
const HANDLES = new Set(['TCP', 'Pipe', 'TTY', 'TLSWrap']);

/** A socket over another stream of JavaScript has another handle. */
function socketOf(socket: object): Sink | undefined {
  const { _handle: handle } = socket as { _handle?: { constructor?: { name?: string } } | null };
  return HANDLES.has(handle?.constructor?.name ?? '') ? letsGo(socket) : undefined;
}

const makeSocket = ({ Socket }: typeof Net): Row =>
  row(
    Socket.prototype,
    ['write', '_write', '_writev', '_writeGeneric', '_final', '_destroy'],
    socketOf,
  );

// --- Messages of http/1 -----------------------------------------------------------------------------

/** Chunks go to the message's socket, which calls back; a message without one may get any stream yet. */
function messageSinkOf(message: object, socket: Row): Sink | undefined {
  const { socket: connection } = message as Fields;
  if (typeof connection !== 'object' || connection === null) return undefined;
  if ((connection as Fields)['_httpMessage'] !== message) return undefined;
  return isIntact(socket, connection) ? socketOf(connection) : undefined;
}

function makeMessage({ OutgoingMessage }: typeof Http, socket: Row): Row {
  const names = ['write', '_send', '_writeRaw', '_flushOutput'];
  return row(OutgoingMessage.prototype, names, (message) => messageSinkOf(message, socket));
}

// --- Files --------------------------------------------------------------------------------------------

const { write, writev } = fs;

/** Where a file has its `fs`. */
let fsKey: symbol | undefined;

function fsKeyOf(file: object): symbol | undefined {
  return Object.getOwnPropertySymbols(file).find((it) => it.description === 'kFs');
}

/** Files that Node's own `fs` writes; not those of the option `fs`, or of a FileHandle. */
function fileOf(file: object): Sink | undefined {
  const symbol = (fsKey ??= fsKeyOf(file));
  const isOurs = symbol !== undefined && (file as Fields)[symbol] === fs;
  return isOurs && fs.write === write && fs.writev === writev ? letsGo(file) : undefined;
}

const makeFile = (): Row =>
  row(fs.WriteStream.prototype, ['write', '_write', '_writev', '_destroy'], fileOf);

// --- Compression --------------------------------------------------------------------------------------

// eslint-disable-next-line @typescript-eslint/unbound-method -- compared, never called
const readsOn = Transform.prototype._read;

/**
 * A thread compresses one chunk at a time and is not stopped by `destroy()`. The engine holds the chunk until
 * it is done, and also while it waits for somebody to read, with another `_read` in place: nobody reads then.
 */
function compressorOf(stream: object): Sink {
  const { _handle: engine } = stream as { _handle: { buffer?: unknown } | null };
  const isPaused = (): boolean => (stream as Transform)._read !== readsOn;
  return {
    closers: [stream as Closable],
    isReading: (chunk) => engine?.buffer === chunk && !isPaused(),
  };
}

function makeCompressor({ BrotliCompress }: typeof Zlib): Row {
  const brotli = Object.getPrototypeOf(BrotliCompress.prototype) as object;
  const base = Object.getPrototypeOf(brotli) as object; // what all classes of zlib have in common
  return row(base, ['write', '_write', '_transform'], compressorOf);
}

// --- Ciphers, hashes, signatures ------------------------------------------------------------------------

/** They compute before they return. */
function makeComputing(crypto: typeof Crypto): Row[] {
  return ['Cipheriv', 'Decipheriv', 'Hash', 'Hmac', 'Sign', 'Verify'].map((name) => {
    const { prototype } = (crypto as unknown as Record<string, { prototype: object }>)[name]!;
    return row(prototype, ['write', '_write', '_transform', 'update'], letsGo);
  });
}

// --- The table ------------------------------------------------------------------------------------------

/* eslint-disable @typescript-eslint/no-require-imports -- loaded with the first stream: see the head */
const http = (): typeof Http => require('node:http') as typeof Http;

function makeSinks(): readonly Row[] {
  const socket = makeSocket(require('node:net') as typeof Net);
  return [
    socket,
    makeMessage(http(), socket),
    makeFile(),
    makeCompressor(require('node:zlib') as typeof Zlib),
    ...makeComputing(require('node:crypto') as typeof Crypto),
  ];
}
/* eslint-enable @typescript-eslint/no-require-imports */

let table: readonly Row[] | undefined;

function isIntact({ prototype, methods }: Row, stream: object): boolean {
  if (!Object.prototype.isPrototypeOf.call(prototype, stream)) return false;
  for (const [name, method] of methods) if ((stream as Fields)[name] !== method) return false;
  return true;
}

/** The row that streams with a prototype may belong to, or null. Few prototypes make many streams. */
const rows = new WeakMap<object, Row | null>();

function rowFor(prototype: object): Row | null {
  table ??= makeSinks();
  const isOf = ({ prototype: base }: Row): boolean =>
    base === prototype || Object.prototype.isPrototypeOf.call(base, prototype);
  const row = table.find(isOf) ?? null;
  rows.set(prototype, row);
  return row;
}

/** The row that a stream may belong to, or null. To ask for a prototype is a call of the engine's runtime: ask once. */
export function rowOf(stream: object): Row | null {
  const prototype = Object.getPrototypeOf(stream) as object | null;
  if (prototype === null) return null;
  const known = rows.get(prototype);
  return known === undefined ? rowFor(prototype) : known;
}

/** The sink that a stream is by now, or undefined: nobody knows when it has let go of a chunk. */
export function sinkOf(row: Row | null, stream: object): Sink | undefined {
  return row !== null && isIntact(row, stream) ? row.sinkOf(stream) : undefined;
}

/**
 * Whose 'close' ends an emitter: its own, and for a message of http/1 that of its connection, because a
 * response that waits behind another one on a connection that breaks never emits its own.
 */
export function closersOf(emitter: Closable): Closable[] {
  if (!(emitter instanceof http().OutgoingMessage)) return [emitter];
  const { req } = emitter as { req?: { socket?: unknown } };
  const connection: unknown = emitter.socket ?? req?.socket;
  return isClosable(connection) ? [emitter, connection] : [emitter];
}

/** A stream of which nothing is known, as a sink that has let go of every chunk when it closes. */
export function anySink(stream: Closable): Sink {
  return { closers: closersOf(stream), isReading: never };
}
