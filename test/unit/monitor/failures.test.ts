/**
 * Failures: what the service around the monitor does to its responses, registry and `next` ends no process.
 */
import { describe, expect, test } from '@jest/globals';
import { resultOf, runScript } from '../support/child';

/** A server, what asks it, and the end: prints what `report` got, if the process lives. */
function service(body: string): string {
  return `
    const http = require('node:http');
    const net = require('node:net');
    const { once } = require('node:events');
    const { setTimeout: sleep } = require('node:timers/promises');
    const { createMonitor } = require('hakmem-arena/monitor');
    const unhandled = [];
    process.on('unhandledRejection', (error) => unhandled.push(String(error)));
    process.on('uncaughtException', (error) => unhandled.push(String(error)));
    const slow = { contentType: 'text/plain', metrics: () => sleep(100, 'a 1\\n') };
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    let port;
    async function serve(listener) {
      const server = http.createServer(listener).listen(0, '127.0.0.1');
      await once(server, 'listening');
      port = server.address().port;
    }
    function ask(path, options) {
      return new Promise((resolve) => {
        const request = http.request({ port, path, agent, ...options }, (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (text) => (body += text));
          response.on('end', () => resolve(response.statusCode + ' ' + body.slice(0, 40).trim()));
          response.on('error', () => resolve('broken'));
        });
        request.on('error', () => resolve('refused')).end();
      });
    }
    (async () => {
      const result = await (async () => { ${body} })();
      await sleep(50);
      console.log(JSON.stringify({ result, unhandled }));
      process.exit();
    })();`;
}

interface Report {
  readonly result: unknown;
  readonly unhandled: readonly string[];
}

async function expectAlive(body: string, result: unknown): Promise<void> {
  expect(await resultOf<Report>(service(body))).toEqual({ result, unhandled: [] });
}

describe('a response that somebody else', () => {
  test.each([
    ['has answered', `response.writeHead(503); response.end('too late');`, '503 too late'],
    [
      'has begun',
      `response.writeHead(503); setTimeout(() => response.end('own'), 150);`,
      '503 own',
    ],
    [
      'has begun by a write',
      `response.write('own'); setTimeout(() => response.end(), 150);`,
      '200 own',
    ],
    ['has destroyed', `response.destroy();`, 'refused'],
    ['has taken the socket from', `request.socket.destroy();`, 'refused'],
  ])('%s is left alone', async (_what, meanwhile, reply) => {
    await expectAlive(
      `const { handler } = createMonitor({ register: slow });
       await serve((request, response) => {
         if (request.url === '/metrics') setTimeout(() => { ${meanwhile} }, 30);
         handler(request, response);
       });
       return [await ask('/metrics'), (await ask('/stats.json')).slice(0, 3)];`,
      [reply, '200'],
    );
  });

  test('has ended before the monitor is asked stays as it is, whatever the path', async () => {
    await expectAlive(
      `const { handler } = createMonitor();
       await serve((request, response) => { response.end('mine'); handler(request, response); });
       const replies = [];
       for (const path of ['/', '/map.json', '/none', '/metrics']) replies.push(await ask(path));
       replies.push(await ask('/', { method: 'DELETE' }), await ask('/', { headers: { host: 'evil' } }));
       return replies;`,
      Array(6).fill('200 mine'),
    );
  });

  test('has answered is not handed to next with an error', async () => {
    await expectAlive(
      `const register = { contentType: '', metrics: () => sleep(60).then(() => { throw new Error('no'); }) };
       const { handler } = createMonitor({ register });
       let errors = 0;
       await serve((request, response) => {
         setTimeout(() => response.end('late'), 20);
         handler(request, response, () => errors++);
       });
       const reply = await ask('/metrics');
       await sleep(100);
       return [reply, errors];`,
      ['200 late', 0],
    );
  });

  test.each(['writeHead', 'end', 'on'])('has given a broken %s() is ended', async (method) => {
    await expectAlive(
      `const { handler } = createMonitor();
       let broken = true;
       await serve((request, response) => {
         if (broken) response.${method} = () => { throw new Error('broken'); };
         broken = false;
         handler(request, response);
       });
       return [await ask('/stats.json'), (await ask('/stats.json')).slice(0, 3)];`,
      ['refused', '200'],
    );
  });

  test('fails while a large answer is written harms nobody', async () => {
    await expectAlive(
      `const register = { contentType: 'text/plain', metrics: async () => 'x'.repeat(50_000_000) };
       const { handler } = createMonitor({ register });
       const endings = ['error', 'destroy', 'socket', 'reader'];
       await serve((request, response) => {
         const how = request.headers['x-end'];
         setTimeout(() => {
           if (how === 'error') response.emit('error', new Error('of a response'));
           if (how === 'destroy') response.destroy(new Error('of a response'));
           if (how === 'socket') request.socket.destroy(new Error('of a socket'));
         }, 20);
         handler(request, response);
       });
       for (const how of endings) {
         const socket = net.connect(port, '127.0.0.1').on('error', () => {});
         socket.write('GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\nX-End: ' + how + '\\r\\n\\r\\n');
         socket.pause();
         await sleep(60);
         if (how === 'reader') socket.resetAndDestroy(); else socket.destroy();
       }
       return (await ask('/stats.json')).slice(0, 3);`,
      '200',
    );
  });
});

describe('a registry whose metrics()', () => {
  test.each([
    ['throws', `() => { throw new Error('no'); }`],
    ['throws nothing', `() => { throw undefined; }`],
    ['throws what cannot be looked at', `() => { throw { toString() { throw 1; } }; }`],
    ['rejects', `() => Promise.reject(new Error('no'))`],
    ['gives undefined', `() => undefined`],
    ['gives an object', `async () => ({})`],
    ['gives a symbol', `() => Symbol('no')`],
    ['gives a promise that throws', `() => ({ get then() { throw new Error('no'); } })`],
  ])('%s is 500 and one warning, and its connection goes on', async (_what, metrics) => {
    const { exitCode, stdout, stderr } = await runScript(
      service(
        `const { handler } = createMonitor({ register: { contentType: 'text/plain', metrics: ${metrics} } });
         await serve((request, response) => handler(request, response));
         const replies = [await ask('/metrics'), await ask('/metrics', { method: 'HEAD' })];
         await sleep(150);
         return [...replies, await ask('/metrics'), (await ask('/stats.json')).slice(0, 3)];`,
      ),
    );
    const failed = '500 The monitor failed to answer.';
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ result: [failed, '500 ', failed, '200'], unhandled: [] });
    expect(stderr.match(/\[HAKMEM_MONITOR\] Warning: The monitor failed to answer/g)?.length).toBe(
      1,
    );
  });

  test.each([
    ['undefined', 'undefined'],
    ['a symbol', `Symbol('no')`],
    ['two lines', `'text/plain\\r\\nSet-Cookie: a=b'`],
  ])('is well, but its contentType is %s: 500', async (_what, contentType) => {
    await expectAlive(
      `const register = { contentType: ${contentType}, metrics: async () => 'a 1' };
       const { handler } = createMonitor({ register });
       await serve((request, response) => handler(request, response));
       return [await ask('/metrics'), (await ask('/')).slice(0, 3)];`,
      ['500 The monitor failed to answer.', '200'],
    );
  });

  test('never settles is 503 after a while, for all who wait', async () => {
    await expectAlive(
      `let calls = 0;
       const metrics = () => { calls++; return new Promise(() => {}); };
       const { handler } = createMonitor({ register: { contentType: 'text/plain', metrics } });
       await serve((request, response) => handler(request, response));
       const waiting = Array.from({ length: 20 }, () => ask('/metrics', { agent: undefined }));
       const meanwhile = await ask('/stats.json');
       return [[...new Set(await Promise.all(waiting))], calls, meanwhile.slice(0, 3)];`,
      [['503 The answer takes too long.'], 1, '200'],
    );
  });
});

describe('a next()', () => {
  test.each([
    ['throws', `() => { throw new Error('of next'); }`],
    ['rejects', `async () => { await sleep(5); throw new Error('of next'); }`],
  ])('that %s is 500, and asked once', async (_what, next) => {
    await expectAlive(
      `const register = { contentType: '', metrics: () => { throw new Error('no'); } };
       const { handler } = createMonitor({ register });
       let asked = 0;
       const next = ${next};
       await serve((request, response) => handler(request, response, (...a) => { asked++; return next(...a); }));
       return [await ask('/elsewhere'), await ask('/metrics'), asked];`,
      ['500 The monitor failed to answer.', '500 The monitor failed to answer.', 2],
    );
  });
});

test('a request that is aborted while its answer is computed', async () => {
  await expectAlive(
    `const { handler } = createMonitor({ register: slow });
     await serve((request, response) => handler(request, response));
     for (let i = 0; i < 20; i++) {
       const socket = net.connect(port, '127.0.0.1').on('error', () => {});
       socket.write('GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'.repeat(3));
       await sleep(5);
       socket.resetAndDestroy();
     }
     return await ask('/metrics');`,
    '200 a 1',
  );
});

test('a body that nobody reads does not hold up its connection', async () => {
  await expectAlive(
    `const { handler } = createMonitor();
     await serve((request, response) => handler(request, response));
     const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
     let text = '';
     socket.on('data', (chunk) => (text += chunk));
     const post = 'POST /stats.json HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 100000\\r\\n\\r\\n';
     socket.write(post + 'x'.repeat(100000) + 'GET /none HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n');
     await sleep(200);
     return text.match(/HTTP\\/1.1 \\d+/g);`,
    ['HTTP/1.1 405', 'HTTP/1.1 404'],
  );
});
