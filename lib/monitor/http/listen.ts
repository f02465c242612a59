/**
 * Listen: the monitor on a port of its own.
 */
import { createServer, type Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { ownOptions } from '../../base/own-options';
import type { ListenOptions, MonitorHandler, MonitorServer } from './types';

function listenOn(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(ownOptions({ port, host }), () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Serves `handler` on a port of its own. */
export async function listen(
  handler: MonitorHandler,
  basePath: string,
  { port, host }: Required<ListenOptions>,
): Promise<MonitorServer> {
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
