// Child process: encodes records, queues them, and "sends" the oldest, that is, compares every byte.
//
// The encoder has one buffer of its own that grows as needed. `encodeSharedRef` shows it, and a copy of
// exactly the record's length goes into the queue. When is it free again? When it has been sent.

import { performance } from 'node:perf_hooks';
import { Encoder } from '@msgpack/msgpack';
import type { Memory } from '../support/memory';
import { type Plan, Spoiler } from '../support/plan';
import { type Program, runProgramProcess } from '../support/program-process';
import { makeSamples, type Sample } from './records';

class EncoderProgram implements Program {
  readonly #memory: Memory;
  readonly #spoiler: Spoiler;
  readonly #encoder = new Encoder();
  readonly #samples = makeSamples();
  /** A ring: record n is in slot n modulo its length, until record n + length takes its place. */
  readonly #queue: (Buffer | undefined)[];

  constructor(memory: Memory, plan: Plan) {
    this.#memory = memory;
    this.#spoiler = new Spoiler(plan);
    this.#queue = new Array<Buffer | undefined>(plan.lanes).fill(undefined);
  }

  run(from: number, end: number, latenciesMs: Float64Array): number {
    let bytes = 0;
    for (let number = from; number < end; number++) {
      const began = performance.now();
      bytes += this.#send(number);
      this.#push(number);
      latenciesMs[number - from] = performance.now() - began;
    }
    return bytes;
  }

  close(): void {
    for (let slot = 0; slot < this.#queue.length; slot++) this.#send(slot);
  }

  #push(number: number): void {
    const encoded = this.#encoder.encodeSharedRef(this.#sampleOf(number).record);
    const message = this.#memory.allocate(encoded.length);
    message.set(encoded);
    this.#spoiler.pass(message);
    this.#queue[number % this.#queue.length] = message;
  }

  /** The oldest in the queue, which is in the slot of the record that comes next. */
  #send(number: number): number {
    const slot = number % this.#queue.length;
    const message = this.#queue[slot];
    if (message === undefined) return 0;
    this.#queue[slot] = undefined;
    const { length } = message;
    if (!message.equals(this.#sampleOf(number).expected)) throw new Error(`slot ${slot} is wrong`);
    this.#memory.free(message);
    return length;
  }

  /** The same for all records that a slot ever holds. */
  #sampleOf(number: number): Sample {
    return this.#samples[(number % this.#queue.length) % this.#samples.length]!;
  }
}

runProgramProcess((memory, plan) => new EncoderProgram(memory, plan));
