/**
 * Monitor: a live page, JSON and Prometheus text over HTTP, for every arena of the process.
 *
 * Read-only: GET and HEAD of a fixed table of paths, none of which touches the file system.
 *
 * @module hakmem-arena/monitor
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors';
import { refusalOf, SECURITY_HEADERS } from './http-guard';
import { type MetricsRegister, ownRegister } from './http-metrics';
import { pageFiles } from './http-page';
import { mapReply, statsReply } from './http-replies';

export type { MetricsRegister } from './http-metrics';
export type {
  ArenaCells,
  MapReply,
  ProcessInfo,
  SlabCell,
  SlabCode,
  StatsReply,
  SuperSlabCells,
} from './wire';

/**
 * What {@link createMonitor} takes.
 *
 * @example
 * const options: MonitorOptions = { title: 'orders', allowedHosts: ['ops.example.com'] };
 */
export interface MonitorOptions {
  /**
   * Shown in the page's heading.
   * @default 'hakmem-arena'
   */
  readonly title?: string;
  /**
   * Path under which the handler is mounted, when nothing before it takes that path off the URL:
   * '/memory'. `listen` serves it there too.
   * @default ''
   */
  readonly basePath?: string;
  /**
   * Host names, beside addresses and localhost, under which the monitor may be asked. Any other name
   * in a Host header is refused, because it may be another site's (DNS rebinding).
   * @default []
   */
  readonly allowedHosts?: readonly string[];
  /**
   * The registry of prom-client that `/metrics` answers with.
   * @default one of its own
   */
  readonly register?: MetricsRegister;
}

/**
 * What {@link Monitor.listen} takes.
 *
 * @example
 * const options: ListenOptions = { port: 0, host: '::1' };
 */
export interface ListenOptions {
  /**
   * 0: any free port.
   * @default 6464
   */
  readonly port?: number;
  /**
   * Address to listen on. The monitor asks nobody for a password: think before opening it to more
   * than this machine.
   * @default '127.0.0.1'
   */
  readonly host?: string;
}

/**
 * A monitor that listens on a port of its own.
 *
 * @example
 * const server: MonitorServer = await createMonitor().listen({ port: 0 });
 * console.log(server.url);
 * await server.close();
 */
export interface MonitorServer {
  /** Where the page is. */
  readonly url: string;
  /** The port it got. */
  readonly port: number;
  /** Ends it, open connections included. */
  close(): Promise<void>;
}

/**
 * Answers a request; for one that is not the monitor's it calls `next`, or without one answers 404.
 *
 * @example
 * import { createServer } from 'node:http';
 * const handler: MonitorHandler = createMonitor({ basePath: '/ops' }).handler;
 * createServer((request, response) => {
 *   handler(request, response, () => response.end('not the monitor'));
 * });
 */
export type MonitorHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/**
 * What {@link createMonitor} makes.
 *
 * @example
 * import { createServer } from 'node:http';
 * const monitor: Monitor = createMonitor();
 * createServer(monitor.handler);
 */
export interface Monitor {
  /** For `http.createServer`, or as middleware of Express and the like. */
  readonly handler: MonitorHandler;
  /**
   * Serves the page on a port of its own. Does not keep the process alive. Rejects with Node's own
   * error, such as EADDRINUSE, when it cannot listen.
   *
   * @throws {ERR_INVALID_ARG_TYPE} an option, or `options`, has the wrong type.
   * @throws {ERR_OUT_OF_RANGE} `port` is not a port.
   * @example
   * const { url, close } = await createMonitor().listen({ port: 0 });
   * await close();
   */
  listen(options?: ListenOptions): Promise<MonitorServer>;
}

const DEFAULT_PORT = 6464;
const DEFAULT_TITLE = 'hakmem-arena';
const TEXT = 'text/plain; charset=utf-8';
const NO_PROM_CLIENT =
  'Metrics need the package prom-client: run `npm install prom-client`, then restart.';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

type Route = () => Answer | Promise<Answer>;

function json(reply: unknown): Answer {
  return { status: 200, type: 'application/json; charset=utf-8', body: JSON.stringify(reply) };
}

function metricsRoute(register: MetricsRegister | undefined): Route {
  let used = register;
  return async () => {
    used ??= ownRegister();
    if (used === undefined) return { status: 501, type: TEXT, body: `${NO_PROM_CLIENT}\n` };
    return { status: 200, type: used.contentType, body: await used.metrics() };
  };
}

function routesOf(title: string, register: MetricsRegister | undefined): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const [path, { type, body }] of pageFiles()) {
    routes.set(path, () => ({ status: 200, type, body }));
  }
  routes.set('/stats.json', () => json(statsReply(title)));
  routes.set('/map.json', () => json(mapReply()));
  routes.set('/metrics', metricsRoute(register));
  return routes;
}

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

/**
 * The page's own links are relative, so its path has to end with a slash. Middleware may have taken the
 * mount point off `url`; `originalUrl` has it.
 */
function lacksSlash(request: IncomingMessage): boolean {
  const { originalUrl = request.url } = request as { originalUrl?: string };
  return !pathOf(originalUrl ?? '/').endsWith('/');
}

function redirectToSlash(response: ServerResponse, request: IncomingMessage): void {
  const { originalUrl = request.url } = request as { originalUrl?: string };
  const last = pathOf(originalUrl ?? '/')
    .split('/')
    .pop()!;
  // Relative to where the browser is, so that a proxy's own prefix survives.
  response.writeHead(308, { ...SECURITY_HEADERS, Location: `./${last}/`, 'Content-Length': 0 });
  response.end();
}

interface Settings {
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
  else if (path === '/' && lacksSlash(request)) redirectToSlash(response, request);
  else send(request, response, await route());
}

function handlerOf(settings: Settings): MonitorHandler {
  return (request, response, next) => {
    answer(settings, request, response, next).catch((error: unknown) => {
      if (next !== undefined) next(error);
      else sendText(request, response, 500, 'The monitor failed to answer.');
    });
  };
}

function listenOn(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function listen(
  handler: MonitorHandler,
  basePath: string,
  options: ListenOptions,
): Promise<MonitorServer> {
  const { port = DEFAULT_PORT, host = '127.0.0.1' } = checkedListenOptions(options);
  const server = createServer((request, response) => handler(request, response));
  await listenOn(server, port, host);
  server.unref();
  server.on('connection', (socket) => socket.unref());
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${bound}${basePath}/`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function checkObject(value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw invalidArgType('options', 'of type object', value);
  }
}

function checkString(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'string') {
    throw invalidArgType(`options.${name}`, 'of type string', value);
  }
}

function checkedListenOptions(options: ListenOptions): ListenOptions {
  checkObject(options);
  const { port } = options;
  checkString('host', options.host);
  // To Node that means every address of this machine.
  if (options.host === '') {
    throw invalidArgValue('options.host', 'must not be empty', options.host);
  }
  if (port === undefined) return options;
  if (typeof port !== 'number') throw invalidArgType('options.port', 'of type number', port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw outOfRange('options.port', 'an integer >= 0 && <= 65535', port);
  }
  return options;
}

function checkRegister(register: unknown): void {
  if (register === undefined) return;
  const { metrics } = (register ?? {}) as { metrics?: unknown };
  if (typeof metrics === 'function') return;
  throw invalidArgType('options.register', 'a registry of prom-client', register);
}

function checkBasePath(basePath: string): void {
  if (basePath === '' || (/^\/[\w./~-]*$/.test(basePath) && !basePath.endsWith('/'))) return;
  throw invalidArgValue('options.basePath', "must be '' or a path like '/memory'", basePath);
}

function checkedHosts(hosts: unknown): ReadonlySet<string> {
  if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === 'string')) {
    throw invalidArgType('options.allowedHosts', 'an array of strings', hosts);
  }
  return new Set(hosts.map((host) => host.toLowerCase()));
}

/**
 * A monitor of all arenas of this process. Costs nothing until somebody asks it.
 *
 * Serves, below where it is mounted: `/` the live page, `/stats.json` ({@link StatsReply}), `/map.json`
 * ({@link MapReply}), and `/metrics` for Prometheus (501 while prom-client is not installed).
 *
 * @throws {ERR_INVALID_ARG_TYPE} an option, or `options`, has the wrong type.
 * @throws {ERR_INVALID_ARG_VALUE} `basePath` is not a path.
 * @example
 * import { createMonitor } from 'hakmem-arena/monitor';
 * const { url } = await createMonitor({ title: 'orders' }).listen({ port: 6464 });
 */
export function createMonitor(options: MonitorOptions = {}): Monitor {
  checkObject(options);
  const { title = DEFAULT_TITLE, basePath = '', allowedHosts = [], register } = options;
  checkString('title', title);
  checkString('basePath', basePath);
  checkBasePath(basePath);
  checkRegister(register);
  const handler = handlerOf({
    basePath,
    allowedHosts: checkedHosts(allowedHosts),
    routes: routesOf(title, register),
  });
  return { handler, listen: (listenOptions = {}) => listen(handler, basePath, listenOptions) };
}
