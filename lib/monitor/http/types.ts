/**
 * Types of the monitor: what it takes, and what it is.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { MetricsRegister } from './metrics';

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
 * Answers a request, of `node:http` or of `node:http2`; for one that is not the monitor's it calls `next`,
 * or without one answers 404. A response that somebody else has answered is left alone.
 *
 * @example
 * import { createServer } from 'node:http';
 * const handler: MonitorHandler = createMonitor({ basePath: '/ops' }).handler;
 * createServer((request, response) => {
 *   handler(request, response, () => response.end('not the monitor'));
 * });
 */
export type MonitorHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
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
  /** For `createServer` of `node:http` or `node:http2`, or as middleware of Express and the like. */
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
