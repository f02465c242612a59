// Child process: the origin, which answers a request with the bytes it asks for, and a client in each
// lane, which asks through the relay and compares every byte.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Client, runClient } from '../support/client-process';
import { listenLocally } from '../support/listen';
import { Pattern } from '../support/pattern';
import type { Plan } from '../support/plan';
import { logUniform } from '../support/random';

const REQUEST_BYTES = 8;
const MAX_REPLY_BYTES = 256 * 1024;

const pattern = new Pattern(MAX_REPLY_BYTES);

/** One request at a time on each connection, so it comes in one piece or is continued. */
function answer(socket: Socket): void {
  let request = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    request = Buffer.concat([request, chunk]);
    if (request.length < REQUEST_BYTES) return;
    socket.write(pattern.slice(request.readUInt32LE(0), request.readUInt32LE(4)));
    request = Buffer.alloc(0);
  });
  socket.on('end', () => socket.end());
}

/** One connection through the relay. */
class Lane {
  readonly socket: Socket;
  #number = 0;
  #wanted = 0;
  #got = 0;
  #done: (bytes: number) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('data', (chunk) => this.#compare(chunk));
    this.socket.on('error', (error) => this.#failed(error));
    this.socket.on('close', () => this.#failed(new Error('the relay has closed the connection')));
  }

  ask(number: number, bytes: number): Promise<number> {
    const request = Buffer.alloc(REQUEST_BYTES);
    request.writeUInt32LE(number, 0);
    request.writeUInt32LE(bytes, 4);
    [this.#number, this.#wanted, this.#got] = [number, bytes, 0];
    this.socket.write(request);
    return new Promise((resolve, reject) => {
      [this.#done, this.#failed] = [resolve, reject];
    });
  }

  #compare(chunk: Buffer): void {
    const end = this.#got + chunk.length;
    if (end > this.#wanted || !pattern.matches(chunk, this.#number, this.#got)) {
      this.#failed(new Error(`reply ${this.#number} is wrong at or after byte ${this.#got}`));
    }
    this.#got = end;
    if (end === this.#wanted) this.#done(end);
  }
}

async function prepare({ operations, warmup, lanes }: Plan): Promise<Client> {
  const sizes = logUniform(1, operations + warmup, 1024, MAX_REPLY_BYTES);
  const origin: Server = createServer({ noDelay: true }, answer);
  const connections: Lane[] = [];
  return {
    port: await listenLocally(origin),
    async connect(port) {
      for (let i = 0; i < lanes; i++) connections.push(new Lane(port));
      await Promise.all(connections.map(({ socket }) => once(socket, 'connect')));
    },
    exchange: (operation, lane) => connections[lane]!.ask(operation, sizes[operation]!),
    close() {
      origin.close();
      for (const { socket } of connections) socket.end();
    },
  };
}

runClient(prepare);
