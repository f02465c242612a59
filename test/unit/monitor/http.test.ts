import { afterEach, describe, expect, jest, test } from '@jest/globals';
import fs from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arena, type HeapStats, heapMap, heapStats } from '../../../lib/index';
import {
  createMonitor,
  type MapReply,
  type MonitorServer,
  type StatsReply,
} from '../../../lib/monitor';
import { ask } from '../support/ask';
import { codeOf } from '../support/codes';
import { resultOf } from '../support/child';

let server: MonitorServer | undefined;
let plain: Server | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  plain?.close();
  plain = undefined;
});

async function listening(options: Parameters<typeof createMonitor>[0] = {}): Promise<number> {
  server = await createMonitor(options).listen({ port: 0 });
  return server.port;
}

async function portOf(listener: Parameters<typeof createServer>[1]): Promise<number> {
  plain = createServer(listener);
  await new Promise<void>((resolve) => plain!.listen(0, '127.0.0.1', resolve));
  return (plain.address() as AddressInfo).port;
}

const PAGE = ['/', '/page.css', '/main.js', '/model.js', '/slab-map.js', '/dom.js'];

describe('the monitor answers', () => {
  test('the page and its parts, never to be stored and under a strict policy', async () => {
    const port = await listening();
    for (const path of PAGE) {
      const { status, headers } = await ask(port, path);
      expect(status).toBe(200);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['cache-control']).toBe('no-store');
    }
    expect((await ask(port, '/?from=somewhere')).status).toBe(200);
  });

  test('stats.json with what heapStats() says', async () => {
    const arena = new Arena({ name: 'served' });
    const views = Array.from({ length: 100 }, () => arena.allocUnsafe(700));
    const port = await listening({ title: 'a service' });
    const reply = JSON.parse((await ask(port, '/stats.json')).body) as StatsReply;
    expect(reply).toMatchObject({ version: 1, title: 'a service', process: { pid: process.pid } });
    const now = JSON.parse(JSON.stringify(heapStats())) as HeapStats;
    expect(reply.stats).toEqual({ ...now, atMs: reply.stats.atMs });
    for (const view of views) arena.free(view);
    arena.destroy();
  });

  test('map.json with what heapMap() says', async () => {
    const arena = new Arena({ name: 'mapped' });
    for (const size of [100, 5000, 200_000, 3_000_000]) arena.allocUnsafe(size);
    const port = await listening();
    const reply = JSON.parse((await ask(port, '/map.json')).body) as MapReply;
    const served = reply.arenas.find(({ id }) => id === arena.id)!;
    const own = heapMap().arenas.find(({ id }) => id === arena.id)!;
    expect(served.name).toBe('mapped');
    expect(served.superslabs.length).toBe(own.superslabs.length);
    own.superslabs.forEach(({ index, bytes, tier, slabs }, i) => {
      expect(served.superslabs[i]).toMatchObject({ index, bytes, tier });
      slabs.forEach((slab, slot) => {
        const cell = served.superslabs[i]!.slabs[slot]!;
        if (typeof cell === 'number') {
          const free = slab.touched ? 'touched' : 'untouched';
          expect(reply.codes[cell]).toBe(slab.use === 'free' ? free : slab.use);
        } else {
          const [row, ...numbers] = cell;
          expect(reply.classNames[row]).toBe(slab.className);
          expect(numbers).toEqual([slab.blockSize, slab.taken, slab.capacity, slab.away]);
        }
      });
    });
    arena.destroy();
  });

  test('/metrics with all arenas, when prom-client is installed', async () => {
    const arena = new Arena({ name: 'scraped' });
    arena.allocUnsafe(1000);
    const port = await listening();
    for (let scrape = 0; scrape < 2; scrape++) {
      const { status, headers, body } = await ask(port, '/metrics');
      expect(status).toBe(200);
      expect(headers['content-type']).toMatch(/^text\/plain/);
      expect(body).toMatch(/^hakmem_arena_in_use_bytes\{arena="scraped",size_class="C7"\} 1000$/m);
    }
    arena.destroy();
  });

  test('/metrics from the registry it was given', async () => {
    const register = { contentType: 'text/plain; own', metrics: async () => 'up 1\n' };
    const port = await listening({ register });
    const reply = await ask(port, '/metrics');
    expect(reply).toMatchObject({ status: 200, body: 'up 1\n' });
    expect(reply.headers['content-type']).toBe('text/plain; own');
  });

  test('/metrics with 501 and what to install while prom-client is missing', async () => {
    const reply = await resultOf<{ status: number; body: string }>(`
      const Module = require('node:module');
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (name, ...rest) {
        if (name !== 'prom-client') return resolve.call(this, name, ...rest);
        throw Object.assign(new Error('missing'), { code: 'MODULE_NOT_FOUND' });
      };
      const { createMonitor } = require('./dist/monitor');
      createMonitor().listen({ port: 0 }).then(async (server) => {
        const response = await fetch(server.url + 'metrics');
        console.log(JSON.stringify({ status: response.status, body: await response.text() }));
        await server.close();
      });`);
    expect(reply.status).toBe(501);
    expect(reply.body).toMatch(/npm install prom-client/);
  });

  test('500, and later requests, when a registry fails', async () => {
    const register = {
      contentType: 'text/plain',
      metrics: () => Promise.reject(new Error('no metrics today')),
    };
    const port = await listening({ register });
    const reply = await ask(port, '/metrics');
    expect(reply.status).toBe(500);
    expect(reply.body).not.toMatch(/today/);
    expect((await ask(port, '/stats.json')).status).toBe(200);
  });
});

describe('the monitor refuses', () => {
  test.each(['evil.example', 'evil.example:6464', 'localhost.evil.example', '127.0.0.1.nip.io'])(
    'a Host header that may be another site: "%s"',
    async (host) => {
      const port = await listening();
      for (const path of ['/', '/stats.json', '/map.json', '/metrics']) {
        const reply = await ask(port, path, { host });
        expect(reply.status).toBe(403);
        expect(reply.body).not.toMatch(/arenas/);
      }
    },
  );

  test.each([
    'localhost',
    'LOCALHOST:80',
    'localhost.',
    'app.localhost:1',
    '127.0.0.1',
    '[::1]:6464',
  ])('no Host header that only this machine can mean: "%s"', async (host) => {
    expect((await ask(await listening(), '/', { host })).status).toBe(200);
  });

  test('no name that allowedHosts has', async () => {
    const port = await listening({ allowedHosts: ['Monitor.internal'] });
    expect((await ask(port, '/', { host: 'monitor.internal:8080' })).status).toBe(200);
    expect((await ask(port, '/', { host: 'other.internal' })).status).toBe(403);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    '%s: it is read-only',
    async (method) => {
      const reply = await ask(await listening(), '/stats.json', { method });
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe('GET, HEAD');
    },
  );

  test('every other path, and never looks at a file for one', async () => {
    const port = await listening();
    const spies = (
      ['readFileSync', 'readFile', 'open', 'openSync', 'createReadStream'] as const
    ).map((name) => jest.spyOn(fs, name));
    const paths = [
      '/package.json',
      '/../package.json',
      '/page/../../../package.json',
      '//',
      '/%2e%2e/',
    ];
    for (const path of [...paths, '/main.ts', '/index.html', '/constructor', '/__proto__']) {
      expect((await ask(port, path)).status).toBe(404);
    }
    for (const path of PAGE) expect((await ask(port, path)).status).toBe(200);
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});

describe('HEAD', () => {
  test('has the headers of GET and no body', async () => {
    const port = await listening();
    const [head, get] = [await ask(port, '/', { method: 'HEAD' }), await ask(port, '/')];
    expect(head.status).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-length']).toBe(String(get.body.length));
  });
});

describe('inside a service', () => {
  test('the handler serves below its base path, and 404 elsewhere', async () => {
    const { handler } = createMonitor({ basePath: '/ops/memory' });
    const port = await portOf((request, response) => handler(request, response));
    expect((await ask(port, '/ops/memory/')).body).toMatch(/^<!doctype html>/);
    expect((await ask(port, '/ops/memory/stats.json')).status).toBe(200);
    for (const path of ['/', '/stats.json', '/ops/memoryx', '/ops']) {
      expect((await ask(port, path)).status).toBe(404);
    }
  });

  test('a path without its slash is sent to the page, whatever stands before', async () => {
    const { handler } = createMonitor({ basePath: '/memory' });
    const port = await portOf((request, response) => handler(request, response));
    const reply = await ask(port, '/memory');
    expect(reply.status).toBe(308);
    expect(reply.headers.location).toBe('./memory/');
  });

  test('as middleware it hands on what is not its own, and believes originalUrl', async () => {
    const { handler } = createMonitor();
    const handedOn: string[] = [];
    const port = await portOf((request, response) => {
      // As Express does for app.use('/memory', handler).
      const originalUrl = request.url!;
      const url = originalUrl.replace(/^\/memory/, '') || '/';
      handler(Object.assign(request, { originalUrl, url }), response, () => {
        handedOn.push(url);
        response.end('the service');
      });
    });
    expect((await ask(port, '/memory/stats.json')).status).toBe(200);
    expect((await ask(port, '/memory')).headers.location).toBe('./memory/');
    expect((await ask(port, '/other')).body).toBe('the service');
    expect(handedOn).toEqual(['/other']);
  });

  test('as middleware it hands a failure to the service', async () => {
    const register = { contentType: '', metrics: () => Promise.reject(new Error('no metrics')) };
    const { handler } = createMonitor({ register });
    const port = await portOf((request, response) => {
      handler(request, response, (error) => response.end(`handled ${String(error)}`));
    });
    expect((await ask(port, '/metrics')).body).toBe('handled Error: no metrics');
  });
});

describe('listen()', () => {
  test('is on the loopback address unless told otherwise, and tells the URL', async () => {
    const port = await listening({ basePath: '/memory' });
    expect(server!.url).toBe(`http://127.0.0.1:${port}/memory/`);
    expect((await fetch(server!.url)).status).toBe(200);
  });

  test('rejects when the port is taken', async () => {
    const port = await listening();
    await expect(createMonitor().listen({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('does not keep the process alive', async () => {
    const url = await resultOf<string>(`
      const { createMonitor } = require('./dist/monitor');
      createMonitor().listen({ port: 0 }).then(async ({ url }) => {
        await (await fetch(url)).text();
        console.log(JSON.stringify(url));
      });`);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  });
});

describe('bad options', () => {
  test.each([
    [{ title: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ basePath: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ basePath: 'memory' }, 'ERR_INVALID_ARG_VALUE'],
    [{ basePath: '/memory/' }, 'ERR_INVALID_ARG_VALUE'],
    [{ allowedHosts: 'here' }, 'ERR_INVALID_ARG_TYPE'],
    [{ allowedHosts: [1] }, 'ERR_INVALID_ARG_TYPE'],
    [{ register: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ register: null }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('createMonitor(%j): %s', (options, code) => {
    expect(codeOf(() => createMonitor(options as never))).toBe(code);
  });

  test.each([
    [{ port: '80' }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ port: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ host: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('listen(%j): %s', async (options, code) => {
    await expect(createMonitor().listen(options as never)).rejects.toMatchObject({ code });
  });
});
