/**
 * Accepted sockets that read into memory of an arena: real servers, real connections.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import net, { type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Arena, readInto } from '../../lib/index';
import { selfSigned } from '../unit/support/certificate.cjs';
import { expectCode } from '../unit/support/codes';

const BYTES = 500_000;
const PAGE = 4096;
const DATA = Buffer.from(Array.from({ length: BYTES }, (_, i) => i % 251));

/** What is open, closed after each test. */
const open: { destroy: () => void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

interface Served {
  readonly accepted: Socket;
  readonly socket: Socket;
  /** Reads that did not go into a Buffer of the arena. */
  strangers: number;
  reads: number;
}

/** Echoes what comes, from memory of the arena. */
function echo(arena: Arena, accepted: Socket, pageBytes = PAGE): Served {
  let next: Buffer | undefined;
  const socket: Socket = readInto(accepted, {
    buffer: () => (next = arena.allocUnsafe(pageBytes)),
    callback: (bytes, page) => {
      served.reads++;
      if (!arena.owns(page)) served.strangers++;
      return socket.write(page.subarray(0, bytes), () => arena.free(page));
    },
  });
  const served: Served = { accepted, socket, strangers: 0, reads: 0 };
  socket.on('drain', () => socket.resume());
  socket.on('end', () => socket.end());
  socket.on('error', () => undefined);
  socket.once('close', () => {
    if (next !== undefined) arena.free(next);
  });
  open.push(socket, accepted);
  return served;
}

type Options = net.ServerOpts & { readonly path?: string };

/** Where a server listens. */
async function listening(server: Server, path?: string): Promise<net.NetConnectOpts> {
  open.push({ destroy: () => server.close() });
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  if (path !== undefined) return { path };
  return { port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' };
}

async function collect(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** All that is sent comes back, in order, the server ends, and the arena has everything again. */
async function checkEcho(options: Options): Promise<Served> {
  const arena = new Arena();
  let served: Served | undefined;
  const server = net.createServer(options, (accepted) => {
    served = echo(arena, accepted);
  });
  const where = await listening(server, options.path);
  const client = net.connect({ ...where, allowHalfOpen: true });
  open.push(client);
  client.end(DATA);
  expect((await collect(client)).equals(DATA)).toBe(true);
  const closed = once(server, 'close');
  server.close();
  await closed;
  expect(arena.stats().bytes).toMatchObject({ live: 0, pinned: 0 });
  arena.destroy();
  expect(served!.strangers).toBe(0);
  return served!;
}

describe('an accepted socket reads into memory of an arena', () => {
  test('and is another socket then', async () => {
    const { accepted, socket, reads } = await checkEcho({ pauseOnConnect: true });
    expect(socket).not.toBe(accepted);
    expect(reads).toBeGreaterThanOrEqual(BYTES / PAGE);
  });

  test('with half-open connections', async () => {
    const { socket } = await checkEcho({ pauseOnConnect: true, allowHalfOpen: true });
    expect(socket.allowHalfOpen).toBe(true);
  });

  const pipes = process.platform === 'win32' ? test.skip : test;
  pipes('over a pipe', async () => {
    const path = join(tmpdir(), `hakmem-read-into-${process.pid}.sock`);
    const { accepted, socket } = await checkEcho({ pauseOnConnect: true, path });
    expect(socket).not.toBe(accepted);
  });

  test('and is counted by its server once', async () => {
    const arena = new Arena();
    const sockets: Socket[] = [];
    const server = net.createServer({ pauseOnConnect: true }, (accepted) => {
      sockets.push(echo(arena, accepted).socket);
    });
    const where = await listening(server);
    const clients = [net.connect(where), net.connect(where)];
    for (const client of clients) {
      open.push(client);
      client.write('x');
      await once(client, 'data');
    }
    const count = (): Promise<number> =>
      new Promise((resolve) =>
        server.getConnections((_error, connections) => resolve(connections)),
      );
    expect(await count()).toBe(2);
    const closed = once(sockets[0]!, 'close');
    clients[0]!.destroy();
    await closed;
    expect(await count()).toBe(1);
    expect(sockets[1]!.remotePort).toBe(clients[1]!.localPort);
  });

  test('that is reset by its peer, and closes', async () => {
    const arena = new Arena();
    const served = new Promise<Served>((resolve) => {
      const server = net.createServer({ pauseOnConnect: true }, (accepted) => {
        resolve(echo(arena, accepted));
      });
      void listening(server).then((where) => {
        const client = net.connect(where, () => client.write('x'));
        client.once('data', () => client.resetAndDestroy());
        client.on('error', () => undefined);
        open.push(client);
      });
    });
    const { socket } = await served;
    await new Promise((resolve) => socket.once('close', resolve));
    expect(arena.stats().bytes.live).toBe(0);
  });
});

describe('a connection that cannot be moved is read by copies', () => {
  test('where the server has begun to read', async () => {
    const { accepted, socket } = await checkEcho({});
    expect(socket).toBe(accepted);
  });

  test('where it is encrypted', async () => {
    const arena = new Arena();
    const { key, cert } = selfSigned();
    let served: Served | undefined;
    const server = tls.createServer({ key, cert, pauseOnConnect: true }, (accepted) => {
      served = echo(arena, accepted, 1000);
    });
    const where = (await listening(server)) as net.TcpNetConnectOpts;
    const client = tls.connect({ ...where, rejectUnauthorized: false });
    open.push(client);
    client.end(DATA.subarray(0, 50_000));
    expect((await collect(client)).equals(DATA.subarray(0, 50_000))).toBe(true);
    expect(served!.socket).toBe(served!.accepted);
    expect(served!.strangers).toBe(0);
    expect(served!.reads).toBeGreaterThanOrEqual(50);
  });
});

describe('what cannot be read into', () => {
  test('is refused, and the connection stays as it was', async () => {
    const arena = new Arena();
    const refused = new Promise<Served>((resolve) => {
      const server = net.createServer({ pauseOnConnect: true }, (accepted) => {
        const callback = (): void => undefined;
        expectCode(
          () => readInto({} as never, { buffer: () => DATA, callback }),
          'ERR_INVALID_ARG_TYPE',
        );
        expectCode(() => readInto(accepted, {} as never), 'ERR_INVALID_ARG_TYPE');
        expectCode(() => readInto(accepted, undefined as never), 'ERR_INVALID_ARG_TYPE');
        const empty = { buffer: () => Buffer.alloc(0), callback };
        expectCode(() => readInto(accepted, empty), 'ERR_INVALID_ARG_TYPE');
        const failing = {
          buffer: () => {
            throw new Error('no memory');
          },
          callback,
        };
        expect(() => readInto(accepted, failing)).toThrow('no memory');
        resolve(echo(arena, accepted));
      });
      void listening(server).then((where) => {
        const client = net.connect(where, () => client.end('hello'));
        void collect(client).then((all) => expect(all.toString()).toBe('hello'));
        open.push(client);
      });
    });
    const { accepted, socket, reads } = await refused.then(async (served) => {
      await once(served.socket, 'close');
      return served;
    });
    expect(socket).not.toBe(accepted);
    expect(reads).toBe(1);
  });
});
