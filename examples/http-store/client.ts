// Child process: uploads and downloads. A lane has names of its own, so it knows what it must get.

import { Agent, type IncomingMessage, request } from 'node:http';
import { type Client, runClient } from '../support/client-process';
import { Pattern } from '../support/pattern';
import type { Plan } from '../support/plan';
import { logUniform, seededRandom } from '../support/random';

const OBJECTS = 1024;
const MAX_OBJECT_BYTES = 256 * 1024;

const pattern = new Pattern(MAX_OBJECT_BYTES);

/** What was last stored under a name: number and length of its bytes. */
interface Stored {
  number: number;
  bytes: number;
}

class StoreClient implements Client {
  readonly port = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sizes: Uint32Array;
  readonly #perLane: number;
  readonly #stored: Stored[][];
  readonly #random = seededRandom(2);
  #servicePort = 0;

  constructor({ operations, warmup, lanes }: Plan) {
    this.#sizes = logUniform(1, operations + warmup, 1024, MAX_OBJECT_BYTES);
    this.#perLane = OBJECTS / lanes;
    this.#stored = Array.from({ length: lanes }, () => []);
  }

  connect(port: number): Promise<void> {
    this.#servicePort = port;
    return Promise.resolve();
  }

  exchange(operation: number, lane: number): Promise<number> {
    const stored = this.#stored[lane]!;
    const isUpload = stored.length === 0 || this.#random() < 0.25;
    const isNew = isUpload && stored.length < this.#perLane;
    const name = isNew ? stored.length : Math.floor(this.#random() * stored.length);
    const path = `/objects/${lane}-${name}`;
    if (!isUpload) return this.#download(path, stored[name]!);
    stored[name] = { number: operation, bytes: this.#sizes[operation]! };
    return this.#upload(path, stored[name]);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #upload(path: string, { number, bytes }: Stored): Promise<number> {
    const response = await this.#send('PUT', path, pattern.slice(number, bytes));
    response.resume();
    if (response.statusCode !== 204) throw new Error(`PUT ${path}: ${response.statusCode ?? ''}`);
    await ended(response);
    return bytes;
  }

  async #download(path: string, { number, bytes }: Stored): Promise<number> {
    const response = await this.#send('GET', path);
    let got = 0;
    let right = response.statusCode === 200;
    response.on('data', (chunk: Buffer) => {
      right &&= got + chunk.length <= bytes && pattern.matches(chunk, number, got);
      got += chunk.length;
    });
    await ended(response);
    if (!right || got !== bytes) throw new Error(`GET ${path}: not what was stored`);
    return bytes;
  }

  #send(method: string, path: string, body?: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: '127.0.0.1',
        port: this.#servicePort,
        method,
        path,
        ...(body && { headers: { 'Content-Length': body.length } }),
      });
      sent.on('response', resolve).on('error', reject).end(body);
    });
  }
}

function ended(response: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    response.on('end', () => resolve()).on('error', reject);
  });
}

runClient((plan: Plan) => Promise.resolve(new StoreClient(plan)));
