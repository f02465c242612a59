// A static file server: GET and HEAD of the files of one folder. A file is read in pieces into memory of our
// own, the next one when the response has room for it.
//
// When is a piece's memory free again?
//
//   read, and written to the response   when the response has let go of it: `memory.write` knows
//   being read while the client leaves  when the read has called back: until then the system writes into it

import { closeSync, openSync, read, readdirSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { listenLocally } from '../support/listen';
import type { Memory } from '../support/memory';

const PIECE_BYTES = 64 * 1024;

interface ServedFile {
  descriptor: number;
  bytes: number;
}

/** What every response needs. */
interface Surroundings {
  readonly memory: Memory;
  /** Called with every piece before it is sent. */
  readonly onPiece: (piece: Buffer) => void;
  /** Reads under way. */
  reading: number;
  onReadingDone: () => void;
}

export class StaticServer {
  port = 0;
  served = 0;
  readonly #files = new Map<string, ServedFile>();
  readonly #surroundings: Surroundings;
  readonly #server = createServer({ keepAliveTimeout: 0 }, (request, response) =>
    this.#handle(request, response),
  );

  /** Serves what the folder holds now. */
  constructor(memory: Memory, folder: string, onPiece: Surroundings['onPiece'] = () => undefined) {
    this.#surroundings = { memory, onPiece, reading: 0, onReadingDone: () => undefined };
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const descriptor = openSync(path, 'r');
      this.#files.set(`/${name}`, { descriptor, bytes: statSync(path).size });
    }
  }

  async listen(): Promise<this> {
    this.port = await listenLocally(this.#server);
    return this;
  }

  /** Resolves when the last client has left and nothing is read any more. */
  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.#surroundings.reading > 0) {
      await new Promise<void>((resolve) => (this.#surroundings.onReadingDone = resolve));
    }
    for (const { descriptor } of this.#files.values()) closeSync(descriptor);
  }

  #handle({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const file = this.#files.get(url);
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    } else if (file === undefined) {
      response.writeHead(404).end();
    } else {
      const headers = { 'Content-Type': 'text/plain', 'Content-Length': file.bytes };
      response.writeHead(200, headers);
      if (method === 'HEAD') response.end();
      else new Download(this.#surroundings, file, response).continue();
      this.served++;
    }
  }
}

/** One file on its way into one response. */
class Download {
  readonly #surroundings: Surroundings;
  readonly #file: ServedFile;
  readonly #response: ServerResponse;
  #at = 0;

  constructor(surroundings: Surroundings, file: ServedFile, response: ServerResponse) {
    this.#surroundings = surroundings;
    this.#file = file;
    this.#response = response;
  }

  readonly continue = (): void => {
    const left = this.#file.bytes - this.#at;
    if (left === 0) this.#response.end();
    else this.#fill(this.#surroundings.memory.allocate(Math.min(left, PIECE_BYTES)), 0);
  };

  /** Reads what a piece still lacks: a read may bring less than it was asked for. */
  #fill(piece: Buffer, filled: number): void {
    const { descriptor } = this.#file;
    this.#surroundings.reading++;
    read(descriptor, piece, filled, piece.length - filled, this.#at + filled, (error, bytes) => {
      this.#filled(piece, filled + bytes, error ?? (bytes === 0 ? shorter() : undefined));
      if (--this.#surroundings.reading === 0) this.#surroundings.onReadingDone();
    });
  }

  #filled(piece: Buffer, filled: number, error?: Error): void {
    const { memory, onPiece } = this.#surroundings;
    const response = this.#response;
    if (error !== undefined || response.destroyed) {
      memory.free(piece);
      response.destroy(error);
    } else if (filled < piece.length) {
      this.#fill(piece, filled);
    } else {
      onPiece(piece);
      this.#at += piece.length;
      if (memory.write(response, piece)) this.continue();
      else response.once('drain', this.continue);
    }
  }
}

function shorter(): Error {
  return new Error('a file has become shorter');
}
