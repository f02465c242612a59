// The service: POST /digest answers with the SHA-256 of what it is sent. A request's memory is freed
// when its scope ends, however it ends.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Arena, OutOfMemoryError } from 'hakmem-arena';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

export class DigestService {
  // The limit turns a flood into 503 instead of a process that is killed.
  readonly #arena = new Arena({ name: 'requests', maxBytes: 64 * 1024 * 1024 });

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = Number(request.headers['content-length']);
    if (request.method !== 'POST' || request.url !== '/digest') answer(response, 404, 'not here');
    else if (!Number.isSafeInteger(bytes) || bytes < 0) answer(response, 411, 'length required');
    else if (bytes > MAX_BODY_BYTES) answer(response, 413, 'too large');
    else await this.#digest(request, response, bytes);
  }

  async #digest(request: IncomingMessage, response: ServerResponse, bytes: number): Promise<void> {
    try {
      const digest = await this.#arena.scope(async (scope) => {
        const body = scope.allocUnsafe(bytes);
        let filled = 0;
        for await (const chunk of request) filled += (chunk as Buffer).copy(body, filled);
        return createHash('sha256').update(body.subarray(0, filled)).digest('hex');
      });
      answer(response, 200, digest);
    } catch (error) {
      if (error instanceof OutOfMemoryError) answer(response, 503, 'try again later');
      else response.destroy(error as Error);
    }
  }

  close(): void {
    this.#arena.destroy();
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${text}\n`);
}
