// Child process: the relay. A connection downstream gets one upstream. What comes from either side is read
// into memory of our own: Node asks for the next Buffer before each read, so none is copied or reused
// while somebody still needs it.
//
// When is a read's memory free again? When the socket on the other side has called back. The Buffer that
// waits for the next read: when the socket that reads is closed.

import { connect, createServer, type Socket } from 'node:net';
import { readInto } from 'hakmem-arena';
import { listenLocally } from '../support/listen';
import type { Memory } from '../support/memory';
import { type Plan, Spoiler } from '../support/plan';
import { runService, type Service } from '../support/service-process';

const READ_BYTES = 64 * 1024;
const REQUEST_BYTES = 4 * 1024;

class Relay implements Service {
  port = 0;
  served = 0;
  readonly #memory: Memory;
  readonly #spoiler: Spoiler;
  readonly #originPort: number;
  readonly #server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) =>
    this.#join(accepted),
  );
  readonly #closed: Promise<void>[] = [];

  constructor(memory: Memory, plan: Plan, originPort: number) {
    this.#memory = memory;
    this.#spoiler = new Spoiler(plan);
    this.#originPort = originPort;
  }

  async listen(): Promise<this> {
    this.port = await listenLocally(this.#server);
    return this;
  }

  async close(): Promise<void> {
    this.#server.close();
    await Promise.all(this.#closed);
  }

  #join(accepted: Socket): void {
    const memory = this.#memory;
    let next: Buffer | undefined;
    let nextRequest: Buffer | undefined;
    const upstream = connect({
      host: '127.0.0.1',
      port: this.#originPort,
      noDelay: true,
      onread: {
        buffer: () => (next = memory.allocate(READ_BYTES)),
        callback: (length, chunk) => this.#forward(downstream, chunk as Buffer, length),
      },
    });
    const downstream = readInto(accepted, {
      buffer: () => (nextRequest = memory.allocate(REQUEST_BYTES)),
      callback: (length, chunk) => {
        this.served++;
        return upstream.write(chunk.subarray(0, length), () => memory.free(chunk));
      },
    });
    upstream.on('drain', () => downstream.resume());
    downstream.on('drain', () => upstream.resume());
    downstream.on('end', () => upstream.end());
    upstream.on('end', () => downstream.end());
    for (const [socket, other] of [
      [upstream, downstream],
      [downstream, upstream],
    ] as const) {
      socket.on('error', () => other.destroy());
      this.#closed.push(new Promise((resolve) => socket.once('close', () => resolve())));
    }
    upstream.once('close', () => next && memory.free(next));
    downstream.once('close', () => nextRequest && memory.free(nextRequest));
  }

  /** @returns false: read no more for now. */
  #forward(downstream: Socket, chunk: Buffer, length: number): boolean {
    const used = chunk.subarray(0, length);
    this.#spoiler.pass(used);
    return downstream.write(used, () => this.#memory.free(chunk));
  }
}

runService<Plan>((memory, plan, originPort) => new Relay(memory, plan, originPort).listen());
