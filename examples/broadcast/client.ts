// Child process: as many publishers as there are lanes, each of them a subscriber as well. An exchange
// is over when its update has reached all of them, and each has compared every byte.

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { type Client, runClient } from '../support/client-process';
import { Pattern } from '../support/pattern';
import type { Plan } from '../support/plan';
import { logUniform } from '../support/random';
import { HEADER_BYTES, makeWish, MAX_UPDATE_BYTES, readHeader } from './protocol';

interface UnderWay {
  bytes: number;
  missing: number;
  done: (bytes: number) => void;
  failed: (error: Error) => void;
}

class Subscribers implements Client {
  readonly port = 0;
  readonly #plan: Plan;
  readonly #sizes: Uint32Array;
  readonly #pattern = new Pattern(MAX_UPDATE_BYTES);
  readonly #underWay = new Map<number, UnderWay>();
  #sockets: WebSocket[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#sizes = logUniform(1, plan.operations + plan.warmup, 128, MAX_UPDATE_BYTES);
  }

  async connect(port: number): Promise<void> {
    this.#sockets = Array.from(
      { length: this.#plan.lanes },
      () => new WebSocket(`ws://127.0.0.1:${port}`),
    );
    for (const socket of this.#sockets) {
      socket.on('message', (update: Buffer) => this.#compare(update));
    }
    await Promise.all(this.#sockets.map((socket) => once(socket, 'open')));
  }

  exchange(number: number, lane: number): Promise<number> {
    const bytes = this.#sizes[number]!;
    this.#sockets[lane]!.send(makeWish({ number, bytes }));
    return new Promise((done, failed) => {
      this.#underWay.set(number, { bytes, missing: this.#plan.lanes, done, failed });
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #compare(update: Buffer): void {
    const number = readHeader(update);
    const it = this.#underWay.get(number);
    if (it === undefined) throw new Error(`an update ${number} that nobody waits for`);
    const right = this.#pattern.matches(update, number, 0, HEADER_BYTES);
    if (!right || update.length !== it.bytes) it.failed(new Error(`update ${number} is wrong`));
    if (--it.missing > 0) return;
    this.#underWay.delete(number);
    it.done(it.bytes * this.#plan.lanes);
  }
}

runClient((plan: Plan) => Promise.resolve(new Subscribers(plan)));
