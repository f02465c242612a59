/**
 * A scope that ends with a response, a stream, a socket, a signal or a promise: exactly once, whatever comes
 * first, and not before the bytes are on their way.
 */
import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import Fastify from 'fastify';
import { Arena, type Scope, type ScopeTarget } from '../../lib/index';
import { totalsOf } from '../unit/support/sums';
import { received } from './support/streams';

const LENGTH = 60_000;
const CHUNKS = 30;
const right = Buffer.alloc(LENGTH * CHUNKS, 'right');

let arena: Arena;
let churning: NodeJS.Timeout;
let ends: (() => void)[];

const live = (): number => totalsOf(arena.stats()).live;

/** Overwrites whatever is free. */
function churn(): void {
  const views = Array.from({ length: 8 }, () => arena.allocUnsafe(LENGTH).fill('wrong'));
  for (const view of views) arena.free(view);
}

beforeEach(() => {
  arena = new Arena();
  churning = setInterval(churn, 1);
  ends = [];
});
afterEach(async () => {
  for (const end of ends) end();
  await settled();
  clearInterval(churning);
  expect(live()).toBe(0);
  arena.destroy();
});

async function settled(): Promise<void> {
  for (let i = 0; live() > 0 && i < 200; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

/** What every handler answers: views of a scope that nobody frees by hand. */
function answer(scope: Scope, response: { write(chunk: Buffer): unknown; end(): unknown }): void {
  for (let i = 0; i < CHUNKS; i++)
    response.write(scope.from(right.subarray(i * LENGTH, (i + 1) * LENGTH)));
  response.end();
}

const asUntil = (target: ScopeTarget): Scope => arena.scopeUntil(target);

type App = (listener: () => void) => Promise<http.Server> | http.Server;

const plain: App = (answered) =>
  http.createServer((_request, response) => {
    answer(asUntil(response), response);
    answered();
  });

const withExpress: App = (answered) => {
  const app = express();
  app.get('/', (_request, response) => {
    answer(asUntil(response), response);
    answered();
  });
  return http.createServer(app);
};

const withFastify =
  (targetOf: (reply: { raw: http.ServerResponse }) => ScopeTarget): App =>
  async (answered) => {
    const app = Fastify();
    app.get('/', (_request, reply) => {
      const scope = asUntil(targetOf(reply));
      reply.hijack();
      answer(scope, reply.raw);
      answered();
    });
    await app.ready();
    return app.server;
  };

const sentByFastify: App = async (answered) => {
  const app = Fastify();
  app.get('/', (_request, reply) => {
    const scope = asUntil(reply);
    void reply.send(scope.from(right));
    answered();
  });
  await app.ready();
  return app.server;
};

const APPS: [string, App][] = [
  ['node:http', plain],
  ['express', withExpress],
  ['fastify, the reply', withFastify((reply) => reply)],
  ['fastify, its raw response', withFastify((reply) => reply.raw)],
  ['fastify, a body that it sends', sentByFastify],
];

describe.each(APPS)('%s', (_name, make) => {
  test('the scope lives until the last byte has been sent, on a connection that stays', async () => {
    const port = await listen(await make(() => undefined));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    ends.push(() => agent.destroy());
    for (let i = 0; i < 5; i++) {
      const request = http.get({ port, agent });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect((await received(response)).equals(right)).toBe(true);
      await settled();
      expect(live()).toBe(0);
    }
  });

  test('the scope ends when the client goes away, before and in the middle', async () => {
    let answers = 0;
    const port = await listen(await make(() => answers++));
    for (const delayMs of [0, 0, 1, 5, 20]) {
      const request = http.get({ port, agent: false });
      request.on('error', () => undefined);
      request.on('response', (response) => response.on('error', () => undefined));
      await once(request, 'socket');
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      request.destroy();
    }
    const request = http.get({ port, agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.destroy();
    await settled();
    expect(answers).toBeGreaterThan(0);
    expect(live()).toBe(0);
  });
});

test('the response that waits behind another one on a connection that breaks ends its scope', async () => {
  const scopes: Scope[] = [];
  const server = http.createServer((_request, response) => {
    const scope = arena.scopeUntil(response);
    scopes.push(scope);
    response.write(scope.alloc(100, 'right')); // so little that the server goes on reading
  });
  const client = net.connect(await listen(server));
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
  while (scopes.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(live()).toBe(3);
  client.resetAndDestroy();
  await settled();
  expect(live()).toBe(0);
});

describe('http2', () => {
  /** A server whose peer does not read, until told to. */
  async function blocked(
    use: (session: http2.ServerHttp2Session, stream: http2.ServerHttp2Stream) => void,
    targetOf: 'stream' | 'response',
  ): Promise<{ wire: () => Promise<Buffer> }> {
    const server = http2.createServer();
    server.on('session', (session) => session.on('error', () => undefined));
    const raw: Buffer[] = [];
    const port = await listen(server);
    const up = net.connect(port).on('error', () => undefined);
    const relay = net.createServer((down) => {
      down.on('error', () => undefined).pipe(up);
      up.on('data', (bytes) => {
        raw.push(bytes);
        down.write(bytes);
      });
    });
    const session = http2.connect(`http://localhost:${await listen(relay)}`, {
      settings: { initialWindowSize: 2 ** 31 - 1 },
    });
    session.on('error', () => undefined);
    ends.push(() => {
      up.destroy();
      session.destroy();
    });
    session.on('connect', () => {
      session.setLocalWindowSize(2 ** 31 - 1);
      setTimeout(
        () =>
          session
            .request()
            .on('error', () => undefined)
            .resume(),
        50,
      );
    });
    const handle = (
      stream: http2.ServerHttp2Stream,
      target: http2.ServerHttp2Stream | http2.Http2ServerResponse,
    ): void => {
      stream.on('error', () => undefined);
      target.on('error', () => undefined);
      up.pause();
      const scope = arena.scopeUntil(target);
      if (target === stream) stream.respond();
      const write = target.write.bind(target) as (chunk: Buffer) => boolean;
      for (let i = 0; i < 100; i++) write(scope.alloc(LENGTH, 'right'));
      setTimeout(use, 200, stream.session as http2.ServerHttp2Session, stream);
    };
    if (targetOf === 'stream') server.on('stream', (stream) => handle(stream, stream));
    else server.on('request', (request, response) => handle(request.stream, response));
    await new Promise((resolve) => setTimeout(resolve, 500));
    churn();
    return {
      wire: async () => {
        up.resume();
        await new Promise((resolve) => setTimeout(resolve, 300));
        return Buffer.concat(raw);
      },
    };
  }

  const ENDINGS: [
    string,
    (session: http2.ServerHttp2Session, stream: http2.ServerHttp2Stream) => void,
  ][] = [
    ['stream.destroy()', (_session, stream) => stream.destroy()],
    ['stream.close()', (_session, stream) => stream.close(http2.constants.NGHTTP2_CANCEL)],
    ['stream.end()', (_session, stream) => void stream.end()],
    ['session.close()', (session) => session.close()],
    ['session.destroy()', (session) => session.destroy()],
    ['session.destroy(error)', (session) => session.destroy(new Error('enough'))],
  ];

  test.each(
    ENDINGS.flatMap(([name, use]) => [
      ['stream', name, use] as const,
      ['response', name, use] as const,
    ]),
  )(
    '%s, ended by %s while the peer does not read: its frames are its own',
    async (of, _name, use) => {
      const { wire } = await blocked(use, of);
      const bytes = await wire();
      expect(bytes.includes('wrong')).toBe(false);
      expect(bytes.length).toBeGreaterThan(100_000);
    },
  );
});

describe('a stream, an emitter', () => {
  test('a file keeps what is written until it is closed', async () => {
    const name = path.join(os.tmpdir(), `hakmem-scope-${process.pid}`);
    const file = fs.createWriteStream(name);
    answer(arena.scopeUntil(file), file);
    await once(file, 'close');
    expect(fs.readFileSync(name).equals(right)).toBe(true);
    fs.rmSync(name);
  });

  test('one that says nothing at its end is over when it has finished or failed', async () => {
    const streams = [1, 2].map(() => new PassThrough({ emitClose: false }).resume());
    for (const stream of streams) arena.scopeUntil(stream.on('error', () => undefined)).alloc(100);
    streams[0]!.end();
    streams[1]!.destroy(new Error('no'));
    await settled();
    expect(live()).toBe(0);
  });

  test('one listener serves many scopes, and a scope that was ended by hand leaves it alone', () => {
    const emitter = new EventEmitter();
    const scopes = Array.from({ length: 50 }, () => arena.scopeUntil(emitter));
    const views = scopes.map((scope) => scope.alloc(100));
    expect(emitter.listenerCount('close')).toBe(1);
    scopes[0]!.end();
    const other = arena.alloc(100, 5);
    expect(other).toBe(views[0]);
    emitter.emit('close');
    expect(arena.owns(other)).toBe(true);
    expect(live()).toBe(1);
    arena.free(other);
    const later = arena.scopeUntil(emitter);
    later.alloc(100);
    emitter.emit('close');
    expect(live()).toBe(0);
  });

  test('that is over already gives a scope that has ended', async () => {
    const stream = new PassThrough();
    stream.destroy();
    await once(stream, 'close');
    for (const target of [stream, AbortSignal.abort()]) {
      expect(() => arena.scopeUntil(target).alloc(100)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_STATE' }),
      );
    }
  });
});

describe('a signal, a promise', () => {
  test('a signal that aborts ends the scope, one that does not keeps nobody', () => {
    const controller = new AbortController();
    const scope = arena.scopeUntil(controller.signal);
    scope.alloc(100);
    const kept = scope.keep(scope.alloc(100));
    controller.abort();
    expect(live()).toBe(1);
    arena.free(kept);
  });

  test('a promise that settles ends the scope, and its rejection is handled', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    for (const promise of [Promise.resolve(), Promise.reject(new Error('no'))]) {
      arena.scopeUntil(promise).alloc(100);
      expect(live()).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(live()).toBe(0);
    }
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  test('anything else is refused, and so is an arena that is destroyed', () => {
    for (const wrong of [
      undefined,
      null,
      5,
      {},
      () => 1,
      { once: 1 },
      { raw: {} },
      new EventTarget(),
    ]) {
      expect(() => arena.scopeUntil(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    }
    const other = new Arena();
    const emitter = new EventEmitter();
    other.scopeUntil(emitter).alloc(5);
    other.destroy();
    emitter.emit('close');
    expect(() => other.scopeUntil(emitter)).toThrow(
      expect.objectContaining({ code: 'ERR_HAKMEM_ARENA_DESTROYED' }),
    );
  });
});
