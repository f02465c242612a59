/**
 * Handler: from a request to the answer of its route, or to `next`.
 *
 * The response is shared with the service around it, which may end it at any time (a timeout that answers
 * 503), and the registry and `next` are the service's own. Whatever these do, no request ends the process.
 */
import { printableLines } from '../../base/printable';
import { isOpen, type Response, send, textAnswer } from './answer';
import { refusalOf } from './guard';
import { askedPath, ownPath, type Request } from './request';
import type { Route } from './share';
import type { MonitorHandler } from './types';

/** What one monitor answers, and to whom. */
export interface Settings {
  readonly basePath: string;
  readonly allowedHosts: ReadonlySet<string>;
  readonly routes: ReadonlyMap<string, Route>;
}

type Next = (error?: unknown) => unknown;

/** The page's own links are relative, so its path has to end with a slash. */
function redirectToSlash(request: Request, response: Response): void {
  const last = askedPath(request).split('/').pop()!;
  // Relative to where the browser is, so that a proxy's own prefix survives.
  const headers = { Location: `./${last}/` };
  send(request, response, textAnswer(308, 'The page is one slash further.', headers));
}

async function answer(
  { routes, allowedHosts }: Settings,
  path: string | undefined,
  request: Request,
  response: Response,
): Promise<void> {
  const route = path === undefined ? undefined : routes.get(path);
  const refusal = refusalOf(request, path ?? '', allowedHosts);
  if (refusal !== undefined) {
    const headers: Record<string, string> = refusal.status === 405 ? { Allow: 'GET, HEAD' } : {};
    send(request, response, textAnswer(refusal.status, refusal.text, headers));
  } else if (route === undefined) {
    send(request, response, textAnswer(404, 'There is nothing here.'));
  } else if (path === '/' && !askedPath(request).endsWith('/')) {
    redirectToSlash(request, response);
  } else if (isOpen(request, response)) {
    send(request, response, await route());
  }
}

function wordsOf(error: unknown): string {
  try {
    return printableLines(String(error));
  } catch {
    return 'something that cannot be looked at was thrown';
  }
}

/** Says once per monitor why it answered 500, because nobody else will. */
function onceWarned(): (error: unknown) => void {
  let isWarned = false;
  return (error) => {
    if (isWarned) return;
    isWarned = true;
    const text = `The monitor failed to answer: ${wordsOf(error)}`;
    process.emitWarning(text, 'Warning', 'HAKMEM_MONITOR');
  };
}

export function handlerOf(settings: Settings): MonitorHandler {
  const warn = onceWarned();

  /** `next` belongs to the service; when it fails as well, that is told here. */
  async function handOn(request: Request, response: Response, next: Next, ...error: unknown[]) {
    try {
      await next(...error);
    } catch (failure) {
      fail(request, response, failure);
    }
  }

  function fail(request: Request, response: Response, error: unknown): void {
    warn(error);
    send(request, response, textAnswer(500, 'The monitor failed to answer.'));
  }

  async function serve(request: Request, response: Response, next: Next | undefined) {
    const path = ownPath(request, settings.basePath);
    if (next !== undefined && (path === undefined || !settings.routes.has(path))) {
      await handOn(request, response, next);
      return;
    }
    try {
      await answer(settings, path, request, response);
    } catch (error) {
      if (next === undefined) fail(request, response, error);
      else if (isOpen(request, response)) await handOn(request, response, next, error);
    }
  }

  return (request, response, next) => {
    serve(request, response, next).catch(warn);
  };
}
