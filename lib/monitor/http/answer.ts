/**
 * Answer: what a request is answered with, and how it is written to a response that may be gone.
 */
import { type ServerResponse, validateHeaderValue } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { invalidArgType } from '../../errors';
import { ownProperty } from '../../base/own-options';
import { SECURITY_HEADERS } from './guard';
import type { Request } from './request';

/** Of `node:http`, or of `node:http2`. */
export type Response = ServerResponse | Http2ServerResponse;

/** What a path answers with. */
export interface Answer {
  readonly status: number;
  /** Headers of this answer alone. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const TEXT = 'text/plain; charset=utf-8';

/** Throws when `type`, which may be a registry's, cannot be a header. */
export function answerOf(status: number, type: unknown, body: string | Buffer): Answer {
  if (typeof type !== 'string') throw invalidArgType('contentType', 'of type string', type);
  validateHeaderValue('Content-Type', type);
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return { status, headers: { 'Content-Type': type }, body: bytes };
}

export function textAnswer(status: number, text: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'Content-Type': TEXT, ...headers }, body: Buffer.from(`${text}\n`) };
}

/**
 * false: somebody else has answered, or nobody is left to read an answer. A response that waits behind
 * others of its connection has no socket yet, so it is the request's that is asked.
 */
export function isOpen(request: Request, response: Response): boolean {
  if (response.headersSent || response.writableEnded) return false;
  // The Http2ServerResponse itself does not say that it is destroyed.
  const isHttp2 = request.httpVersionMajor === 2;
  const carrier = isHttp2 ? (response as Http2ServerResponse).stream : (response as ServerResponse);
  if (carrier.destroyed) return false;
  const socket = ownProperty(request, 'socket') as { destroyed?: boolean } | null | undefined;
  return socket?.destroyed !== true;
}

function write(request: Request, response: ServerResponse, answer: Answer): void {
  const { status, headers, body } = answer;
  // Whoever reads may go away while this is written; a response may say so by an 'error', heard or not.
  response.on('error', () => undefined);
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    'Cache-Control': 'no-store',
    'Content-Length': body.length,
    ...headers,
  });
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/** Writes an answer, unless somebody else has answered. Never throws. */
export function send(request: Request, response: Response, answer: Answer): void {
  try {
    if (isOpen(request, response)) write(request, response as ServerResponse, answer);
  } catch {
    abandon(response);
  }
}

/** What was begun cannot be completed: its reader learns that from the end of the connection. */
function abandon(response: Response): void {
  try {
    response.destroy();
  } catch {
    // It is not a response in more than name.
  }
}
