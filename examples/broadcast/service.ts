// Child process: the WebSocket server. Whoever sends it a wish (number and length) makes it broadcast
// an update of that length.
//
// When is an update's memory free again? When each subscriber's socket has called back. `ws` does not
// copy what a server sends: it writes a header and then the Buffer itself, which the socket may keep
// until the network takes it. It calls back for every send, also when the connection is gone. (With
// permessage-deflate, zlib reads the update before the socket does; the callback comes after both. A
// client masks its frames in place: there, what is sent is changed.)

import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import type { Memory } from '../support/memory';
import { Pattern } from '../support/pattern';
import { type Plan, Spoiler } from '../support/plan';
import { runService, type Service } from '../support/service-process';
import { MAX_UPDATE_BYTES, readWish, writeHeader, HEADER_BYTES } from './protocol';

class Broadcaster implements Service {
  port = 0;
  served = 0;
  readonly #memory: Memory;
  readonly #spoiler: Spoiler;
  readonly #pattern = new Pattern(MAX_UPDATE_BYTES);
  readonly #server = new WebSocketServer({ host: '127.0.0.1', port: 0 });

  constructor(memory: Memory, plan: Plan) {
    this.#memory = memory;
    this.#spoiler = new Spoiler(plan);
    this.#server.on('connection', (socket) => {
      socket.on('message', (wish: Buffer) => this.#publish(wish));
    });
  }

  async listen(): Promise<this> {
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#server.clients].map((socket) => once(socket, 'close')));
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Counts by itself who still reads the update: cheaper than `retain` for each of them. */
  #publish(wish: Buffer): void {
    const update = this.#compose(wish);
    let readers = this.#server.clients.size;
    const sent = (): void => {
      if (--readers === 0) this.#memory.free(update);
    };
    for (const subscriber of this.#server.clients) subscriber.send(update, sent);
    this.served++;
  }

  #compose(wish: Buffer): Buffer {
    const { number, bytes } = readWish(wish);
    const update = this.#memory.allocate(bytes);
    writeHeader(update, number);
    this.#pattern.fill(update, number, HEADER_BYTES);
    this.#spoiler.pass(update);
    return update;
  }
}

runService<Plan>((memory, plan) => new Broadcaster(memory, plan).listen());
