// Child process: the HTTP server.
//
//   PUT /objects/<name>    needs Content-Length; answers 204
//   GET /objects/<name>    answers with the object, or 404
//
// When is an object's memory free again?
//
//   half an upload      when the request is closed without its end
//   a stored object     when another takes its name, or the service ends ...
//   while downloaded    ... but not before the last response that sends it is closed: each download
//                       retains the object

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenLocally } from '../support/listen';
import type { Memory } from '../support/memory';
import { type Plan, Spoiler } from '../support/plan';
import { runService, type Service } from '../support/service-process';

const MAX_OBJECT_BYTES = 16 * 1024 * 1024;

class Store implements Service {
  port = 0;
  served = 0;
  readonly #memory: Memory;
  readonly #spoiler: Spoiler;
  readonly #objects = new Map<string, Buffer>();
  // No time-out: a client that a busy machine holds up finds its connections as they were.
  readonly #server = createServer({ keepAliveTimeout: 0 }, (request, response) =>
    this.#handle(request, response),
  );

  constructor(memory: Memory, plan: Plan) {
    this.#memory = memory;
    this.#spoiler = new Spoiler(plan);
  }

  async listen(): Promise<this> {
    this.port = await listenLocally(this.#server);
    return this;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    for (const object of this.#objects.values()) this.#memory.free(object);
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '' } = request;
    if (!url.startsWith('/objects/')) response.writeHead(404).end();
    else if (method === 'PUT') this.#upload(url, request, response);
    else if (method === 'GET') this.#download(url, response);
    else response.writeHead(405).end();
  }

  #upload(url: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = Number(request.headers['content-length']);
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > MAX_OBJECT_BYTES) {
      response.writeHead(413).end();
      return;
    }
    const object = this.#memory.allocate(bytes);
    let filled = 0;
    let stored = false;
    request.on('data', (chunk: Buffer) => {
      filled += chunk.copy(object, filled);
    });
    request.on('end', () => {
      stored = true;
      this.#put(url, object);
      response.writeHead(204).end();
    });
    request.on('close', () => {
      if (!stored) this.#memory.free(object);
    });
  }

  #put(url: string, object: Buffer): void {
    const replaced = this.#objects.get(url);
    if (replaced !== undefined) this.#memory.free(replaced);
    this.#objects.set(url, object);
    this.served++;
  }

  #download(url: string, response: ServerResponse): void {
    const object = this.#objects.get(url);
    if (object === undefined) {
      response.writeHead(404).end();
      return;
    }
    this.#spoiler.pass(object);
    this.#memory.retain(object);
    response.once('close', () => this.#memory.release(object));
    response.writeHead(200, { 'Content-Length': object.length }).end(object);
    this.served++;
  }
}

runService<Plan>((memory, plan) => new Store(memory, plan).listen());
