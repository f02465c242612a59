/**
 * Endings of http2 streams. A stream that is destroyed closes at once, and on newer versions of Node its writes
 * are called back, while frames with its chunks wait in the session's socket. That socket cannot be asked how
 * much is left; but what was sent before a ping has left when the peer has answered it, or when the session is
 * gone with its socket. TLS has encrypted whatever it was given, into memory of its own.
 */
import { Duplex } from 'node:stream';
import { type Cancel, type Closable, type Listener, whenClosed } from './closings';

interface Session extends Closable {
  readonly destroyed: boolean;
  readonly encrypted: boolean | undefined;
  ping(callback: (error: Error | null) => void): boolean;
}

/** What is asked of a stream of either side; the classes are not public. */
export interface Http2Stream extends Duplex {
  readonly session: Session | undefined;
  readonly rstCode: number;
  readonly sentHeaders: unknown;
}

export function isHttp2Stream(value: unknown): value is Http2Stream {
  return value instanceof Duplex && 'rstCode' in value && 'sentHeaders' in value;
}

/** When somebody has too many pings under way already. */
const RETRY_MS = 100;

/** A session's socket, and those who wait until it has sent all that it was given. */
class Sending {
  readonly #session: Session;
  /** For the answer of the ping under way; and for the next one. */
  #current: Listener[] = [];
  #next: Listener[] = [];
  #isClosed = false;

  constructor(session: Session) {
    this.#session = session;
    session.once('close', () => {
      this.#isClosed = true;
      for (const listener of [...this.#current.splice(0), ...this.#next.splice(0)]) listener();
    });
  }

  /** Calls `listener` when what was given to the session until now has left its socket. */
  whenSent(listener: Listener): void {
    if (this.#isClosed) {
      listener();
      return;
    }
    this.#next.push(listener);
    if (this.#current.length === 0) this.#ping();
  }

  /** A session that is destroyed answers no more: its 'close' tells then. */
  #ping(): void {
    this.#current = this.#next.splice(0);
    if (this.#current.length === 0 || this.#session.destroyed) return;
    const isSent = this.#session.ping((error) => {
      if (error !== null) return;
      for (const listener of this.#current.splice(0)) listener();
      this.#ping();
    });
    if (isSent) return;
    this.#next.unshift(...this.#current.splice(0));
    setTimeout(() => {
      if (this.#current.length === 0) this.#ping();
    }, RETRY_MS).unref();
  }
}

const sendings = new WeakMap<Session, Sending>();

function sendingOf(session: Session): Sending {
  let sending = sendings.get(session);
  if (sending === undefined) sendings.set(session, (sending = new Sending(session)));
  return sending;
}

/** Calls `listener` once when a stream has closed and its chunks have left the session's socket. */
export function whenHttp2Over(stream: Http2Stream, listener: Listener): Cancel {
  const { session } = stream; // a stream that is destroyed knows it no more
  const isCopied = session === undefined || session.encrypted === true;
  const sending = isCopied ? undefined : sendingOf(session);
  return whenClosed(stream, () => {
    if (sending === undefined || stream.writableFinished) listener();
    else sending.whenSent(listener);
  });
}
