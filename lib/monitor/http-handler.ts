/**
 * Handler: from a request to the answer of its route, or to `next`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusalOf, SECURITY_HEADERS } from './http-guard';
import { type Answer, type Route, TEXT } from './http-routes';
import type { MonitorHandler } from './http-types';

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const length = Buffer.byteLength(answer.body);
  response.writeHead(answer.status, {
    ...SECURITY_HEADERS,
    'Cache-Control': 'no-store',
    'Content-Type': answer.type,
    'Content-Length': length,
    ...(answer.status === 405 ? { Allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
): void {
  send(request, response, { status, type: TEXT, body: `${text}\n` });
}

const pathOf = (url: string): string => url.split('?', 1)[0]!;

/** The part of the path behind `basePath`; undefined: the request is not for the monitor. */
function ownPath(request: IncomingMessage, basePath: string): string | undefined {
  const path = pathOf(request.url ?? '/');
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : undefined;
}

/** The path that the browser asked for: middleware may have taken the mount point off `url`. */
function askedPath(request: IncomingMessage): string {
  const { originalUrl = request.url } = request as { originalUrl?: string };
  return pathOf(originalUrl ?? '/');
}

/** The page's own links are relative, so its path has to end with a slash. */
function redirectToSlash(request: IncomingMessage, response: ServerResponse): void {
  const last = askedPath(request).split('/').pop()!;
  // Relative to where the browser is, so that a proxy's own prefix survives.
  response.writeHead(308, { ...SECURITY_HEADERS, Location: `./${last}/`, 'Content-Length': 0 });
  response.end();
}

/** What one monitor answers, and to whom. */
export interface Settings {
  readonly basePath: string;
  readonly allowedHosts: ReadonlySet<string>;
  readonly routes: ReadonlyMap<string, Route>;
}

async function answer(
  settings: Settings,
  request: IncomingMessage,
  response: ServerResponse,
  next: ((error?: unknown) => void) | undefined,
): Promise<void> {
  const path = ownPath(request, settings.basePath);
  const route = path === undefined ? undefined : settings.routes.get(path);
  if (route === undefined && next !== undefined) {
    next();
    return;
  }
  const refusal = refusalOf(request, settings.allowedHosts);
  if (refusal !== undefined) sendText(request, response, refusal.status, refusal.text);
  else if (route === undefined) sendText(request, response, 404, 'There is nothing here.');
  else if (path === '/' && !askedPath(request).endsWith('/')) redirectToSlash(request, response);
  else send(request, response, await route());
}

export function handlerOf(settings: Settings): MonitorHandler {
  return (request, response, next) => {
    answer(settings, request, response, next).catch((error: unknown) => {
      if (next !== undefined) next(error);
      else sendText(request, response, 500, 'The monitor failed to answer.');
    });
  };
}
