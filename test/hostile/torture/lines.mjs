// Lines of the stream torture: a stream to write to, and whoever reads at its other end. Every line is made of
// real parts, and its reader can be told to wait, so that chunks queue in every place on the way.
//
//   target   the stream that is written to
//   reader   emits what arrives, decoded; undefined: nothing can be compared
//   hold     stops the reader, or whatever is nearest to it; `release` lets it go on
//   reset    the peer breaks the line
//   close    ends what is left, when the case is over

import { spawn } from 'node:child_process';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Transform, Writable, pipeline } from 'node:stream';
import tls from 'node:tls';
import zlib from 'node:zlib';

export const POISON = 'POISON!!';

const quiet = (emitter) => emitter.on('error', () => undefined);
let numbers = 0;

/** Foreign bytes that were seen on a wire, whoever reads them. */
export const wire = { foreign: 0 };

function scan(bytes) {
  if (bytes.includes(POISON)) wire.foreign++;
}

async function listen(server, address = 0) {
  server.listen(address, typeof address === 'number' ? '127.0.0.1' : undefined);
  await once(server, 'listening');
  return typeof address === 'number' ? server.address().port : address;
}

/** A relay in front of a port, which can stop to read from the server. */
async function relayTo(port) {
  const pairs = [];
  const server = net.createServer((down) => {
    const up = quiet(net.connect(port, '127.0.0.1'));
    quiet(down).pipe(up);
    up.on('data', (bytes) => {
      scan(bytes);
      if (down.writable) down.write(bytes);
    });
    up.on('close', () => down.end());
    down.on('close', () => up.destroy());
    pairs.push([up, down]);
  });
  const each = (act) => () => pairs.forEach(([up, down]) => act(up, down));
  return {
    port: await listen(server),
    hold: each((up) => up.pause()),
    release: each((up) => up.resume()),
    reset: each((up) => up.resetAndDestroy()),
    close: () => {
      each((up, down) => (up.destroy(), down.destroy()))();
      server.close();
    },
  };
}

// --- Sockets ----------------------------------------------------------------------------------------

function socketLine(target, peer, server) {
  quiet(peer);
  return {
    target,
    reader: peer,
    hold: () => peer.pause(),
    release: () => peer.resume(),
    reset: () =>
      peer.constructor === net.Socket && peer.remotePort ? peer.resetAndDestroy() : peer.destroy(),
    close: () => {
      target.destroy();
      peer.destroy();
      server.close();
    },
  };
}

async function tcp() {
  const server = net.createServer();
  const port = await listen(server);
  const accepted = once(server, 'connection');
  const target = net.connect(port, '127.0.0.1');
  const [peer] = await accepted;
  return socketLine(target, peer, server);
}

async function pipe() {
  const server = net.createServer();
  const address = await listen(server, join(tmpdir(), `torture-${process.pid}-${++numbers}`));
  const accepted = once(server, 'connection');
  const target = net.connect(address);
  const [peer] = await accepted;
  return socketLine(target, peer, server);
}

async function secure({ key, cert }) {
  const server = tls.createServer({ key, cert });
  const accepted = once(server, 'secureConnection');
  const port = await listen(server);
  const target = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const [peer] = await accepted;
  return socketLine(target, peer, server);
}

async function child() {
  const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
  return {
    target: cat.stdin,
    reader: quiet(cat.stdout),
    hold: () => cat.stdout.pause(),
    release: () => cat.stdout.resume(),
    reset: () => cat.kill('SIGKILL'),
    close: () => cat.kill('SIGKILL'),
  };
}

// --- http/1 -----------------------------------------------------------------------------------------

async function responseLine(module, server, options) {
  const asked = once(server, 'request');
  const relay = await relayTo(await listen(server));
  const request = quiet(
    module.get({ port: relay.port, host: '127.0.0.1', agent: false, rejectUnauthorized: false }),
  );
  const reader = new PassThrough({ highWaterMark: 1 << 30 });
  request.on('response', (response) => {
    quiet(response).on('data', (bytes) => reader.write(bytes));
    response.on('close', () => reader.end());
  });
  request.on('close', () => reader.end());
  const [incoming, target] = await asked;
  quiet(incoming);
  if (options?.length !== undefined) target.setHeader('content-length', options.length);
  return {
    ...relay,
    target,
    reader,
    close: () => {
      request.destroy();
      server.closeAllConnections();
      server.close();
      relay.close();
    },
  };
}

const response = () => responseLine(http, http.createServer());
const secureResponse = (certificate) => responseLine(https, https.createServer(certificate));

async function request() {
  const server = http.createServer();
  const port = await listen(server);
  const asked = once(server, 'request');
  const target = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false });
  quiet(target).flushHeaders();
  const [incoming, answer] = await asked;
  quiet(incoming).on('end', () => answer.end());
  return {
    target,
    reader: incoming,
    hold: () => incoming.pause(),
    release: () => incoming.resume(),
    reset: () => incoming.socket.resetAndDestroy(),
    close: () => {
      target.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

// --- http/2 -----------------------------------------------------------------------------------------

const WINDOW = 2 ** 31 - 1;

async function http2Line(kind, certificate) {
  const server = certificate ? http2.createSecureServer(certificate) : http2.createServer();
  server.on('session', (session) => quiet(session));
  server.on('sessionError', () => undefined);
  const relay = await relayTo(await listen(server));
  const session = http2.connect(`${certificate ? 'https' : 'http'}://127.0.0.1:${relay.port}`, {
    settings: { initialWindowSize: WINDOW },
    rejectUnauthorized: false,
  });
  quiet(session);
  const arrived = once(server, kind === 'compat' ? 'request' : 'stream');
  await once(session, 'connect');
  session.setLocalWindowSize(WINDOW);
  await new Promise((resolve) => session.ping(resolve));
  const isUpload = kind === 'upload';
  const asked = quiet(
    session.request({ ':method': isUpload ? 'POST' : 'GET' }, { endStream: !isUpload }),
  );
  const [first, second] = await arrived;
  const stream = quiet(kind === 'compat' ? first.stream : first);
  if (kind !== 'compat') stream.respond();
  if (isUpload) stream.on('end', () => stream.end());
  const served = stream.session;
  const target = isUpload ? asked : kind === 'compat' ? second : stream;
  return {
    ...relay,
    target,
    session: isUpload ? session : served,
    reader: isUpload ? stream : asked,
    close: () => {
      session.destroy();
      server.close();
      relay.close();
      // Over TLS a session does not always notice that its peer is gone; a service has timeouts for that.
      setTimeout(() => served.destroy(), 100);
    },
  };
}

// --- Files, transforms, streams of the web ------------------------------------------------------------

async function file() {
  const path = join(tmpdir(), `torture-${process.pid}-${++numbers}`);
  const target = createWriteStream(path);
  const reader = new PassThrough();
  target.once('close', () => {
    if (!existsSync(path)) reader.end();
    else
      quiet(createReadStream(path))
        .pipe(reader)
        .once('close', () => rmSync(path));
  });
  const nothing = () => undefined;
  return {
    target,
    reader,
    hold: nothing,
    release: nothing,
    reset: () => target.destroy(),
    close: nothing,
  };
}

/** A transform, and what undoes it. */
function transforming(target, undo) {
  const reader = quiet(undo);
  const forward = new PassThrough({ highWaterMark: 1024 });
  quiet(target).pipe(quiet(forward)).pipe(reader);
  target.on('close', () => forward.end());
  return {
    target,
    reader,
    hold: () => reader.pause(),
    release: () => reader.resume(),
    reset: () => target.destroy(),
    close: () => [target, forward, reader].forEach((stream) => stream.destroy()),
  };
}

const gzip = async () => transforming(zlib.createGzip({ level: 1 }), zlib.createGunzip());

async function cipher() {
  const key = Buffer.alloc(16, 7);
  const target = createCipheriv('aes-128-ctr', key, key);
  return transforming(target, createDecipheriv('aes-128-ctr', key, key));
}

/** Streams between the writer and a socket. */
async function passedOn() {
  const line = await tcp();
  const socket = line.target;
  const between = new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });
  const target = new PassThrough({ highWaterMark: 1 << 20 });
  pipeline(target, between, quiet(socket), () => undefined);
  return { ...line, target, close: () => (target.destroy(), between.destroy(), line.close()) };
}

async function web() {
  const line = await tcp();
  const socket = quiet(line.target);
  const target = Writable.toWeb(socket);
  return {
    ...line,
    target: Object.assign(target, { destroy: () => socket.destroy(), isWeb: true }),
  };
}

/** By name. `scopes`: a scope may live until the target ends, because it is what takes the bytes. */
export const LINES = {
  tcp: { make: tcp, scopes: true },
  pipe: { make: pipe, scopes: true },
  tls: { make: secure, scopes: true },
  child: { make: child, scopes: true, rare: true },
  'http response': { make: response, scopes: true },
  'https response': { make: secureResponse, scopes: true },
  'http request': { make: request, scopes: true },
  'http2 stream': { make: () => http2Line('core'), scopes: true },
  'http2 response': { make: () => http2Line('compat'), scopes: true },
  'http2 request': { make: () => http2Line('upload'), scopes: true },
  'http2 stream, tls': { make: (certificate) => http2Line('core', certificate), scopes: true },
  'http2 response, tls': { make: (certificate) => http2Line('compat', certificate), scopes: true },
  file: { make: file, scopes: true },
  gzip: { make: gzip, scopes: false },
  cipher: { make: cipher, scopes: false },
  'streams before a socket': { make: passedOn, scopes: false },
  'web stream over a socket': { make: web, scopes: false },
};
