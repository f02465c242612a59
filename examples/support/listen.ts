// Servers on the loopback interface.

import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** @returns the port, any that is free. */
export async function listenLocally(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
