// The static server of the examples, with clients that leave half way and clients that do not read.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const examples = (file) => join(ROOT, '.build', 'examples', file);
const require = createRequire(import.meta.url);
const { StaticServer } = require(examples('static-server/server.js'));
const { ArenaMemory } = require(examples('support/arena-memory.js'));

const FILES = {
  small: Buffer.alloc(3000, 'small file '),
  middle: Buffer.alloc(70_000, 'a file of two pieces '),
  // More than the buffers of two sockets take.
  large: Buffer.alloc(32 * 2 ** 20, 'a file that no socket takes at once '),
  empty: Buffer.alloc(0),
};

let folder;
let memory;
let server;
const sockets = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'static-server-test-'));
  for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(folder, name), bytes);
});

after(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  memory = new ArenaMemory();
  server = await new StaticServer(memory, folder).listen();
});

/** Nothing may be live in the end: `memory.close` throws otherwise. */
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
  await memory.close();
});

/** A connection that has asked. */
async function ask(name, method = 'GET') {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(`${method} /${name} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
  return socket;
}

/** All that is answered, as head and body. */
async function answerOn(socket) {
  const chunks = [];
  for await (const chunk of socket) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  const end = all.indexOf('\r\n\r\n');
  return { head: all.toString('latin1', 0, end), body: all.subarray(end + 4) };
}

async function assertGets(name) {
  const { head, body } = await answerOn(await ask(name));
  assert.match(head, /^HTTP\/1\.1 200 /);
  assert.ok(body.equals(FILES[name]), `${name} is not what it should be`);
}

describe('static server', () => {
  it('sends files, an empty one too, and only heads to HEAD', async () => {
    for (const name of Object.keys(FILES)) await assertGets(name);
    const { head, body } = await answerOn(await ask('large', 'HEAD'));
    assert.match(head, /Content-Length: 33554432/);
    assert.equal(body.length, 0);
  });

  it('knows no other files and no other methods', async () => {
    assert.match((await answerOn(await ask('../package.json'))).head, / 404 /);
    assert.match((await answerOn(await ask('small', 'POST'))).head, / 405 /);
  });

  it('forgets no memory when clients leave half way, and sends others what they asked for', async () => {
    const leaves = async (turn) => {
      const socket = await ask(turn % 2 === 0 ? 'large' : 'middle');
      if (turn % 3 !== 0) await once(socket, 'readable');
      if (turn % 5 === 0) await setTimeout(turn % 7);
      if (turn % 4 === 0) socket.resetAndDestroy();
      else socket.destroy();
    };
    const turns = Array.from({ length: 200 }, (_, turn) => turn);
    await Promise.all(turns.map((turn) => (turn % 4 === 3 ? assertGets('middle') : leaves(turn))));
    await assertGets('large');
  });

  it('has no piece overwritten that a client has not taken yet', async () => {
    const slow = await ask('large');
    slow.pause();
    await setTimeout(50);
    for (let turn = 0; turn < 100; turn++) {
      await Promise.all(['small', 'middle', 'middle'].map(assertGets));
    }
    const { body } = await answerOn(slow);
    assert.ok(body.equals(FILES.large));
  });
});
