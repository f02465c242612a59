// Child process: one way, from the first byte read to the last one written. Then the file that was written is
// unpacked and compared.
//
//   node play.js WAY ORDER

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Costs, Meter } from '../support/meter';
import { seededRandom } from '../support/random';
import { InOrder } from './in-order';
import { type Lane, openLanes, PIECE_BYTES, WINDOW, type WayName } from './ways';

export interface Order {
  /** Of the log, about. */
  bytes: number;
  workers: number;
  /** One byte is to be spoilt. */
  fault: boolean;
}

export interface Figures {
  way: string;
  bytes: number;
  packedBytes: number;
  ms: number;
  costs: Costs;
}

const PATHS = ['/', '/cart', '/search?q=arena', '/static/app.js', '/api/orders', '/health'];

/** Lines as services write them, the same in every run. */
function makeLog(bytes: number): Buffer {
  const random = seededRandom(1);
  const below = (bound: number): number => Math.floor(random() * bound);
  let text = '';
  for (let time = 1_700_000_000_000; text.length < bytes; time += below(20)) {
    const status = below(20) === 0 ? 500 : 200;
    const line = { time, path: PATHS[below(PATHS.length)], status, us: below(90_000) };
    text += `${JSON.stringify(line)}\n`;
  }
  return Buffer.from(text, 'latin1');
}

/** Feeds one worker, with never more than `WINDOW` pieces under way. */
class Feeder {
  readonly #lane: Lane;
  #underWay = 0;
  #onRoom = (): void => undefined;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  async feed(log: FileHandle, at: number, bytes: number, number: number): Promise<void> {
    while (this.#underWay === WINDOW)
      await new Promise<void>((done) => {
        this.#onRoom = done;
      });
    this.#underWay++;
    const piece = this.#lane.allocate(bytes);
    const { bytesRead } = await log.read(piece, 0, bytes, at);
    if (bytesRead !== bytes) throw new Error('the log has become shorter');
    await this.#lane.send(piece, number);
  }

  cameBack(): void {
    this.#underWay--;
    this.#onRoom();
  }
}

async function compress(way: WayName, workers: number, from: string, to: string): Promise<void> {
  const log = await open(from);
  const { size } = await log.stat();
  const pieces = Math.ceil(size / PIECE_BYTES);
  const out = createWriteStream(to);
  const order = new InOrder();
  const lanes = openLanes(way, workers, async (number, packed) => {
    feeders[number % workers]!.cameBack();
    await order.turnOf(number);
    const written = new Promise<void>((done, fail) => {
      out.write(packed, (error) => (error ? fail(error) : done()));
    });
    order.next();
    await written;
    if (number === pieces - 1) out.end();
  });
  const feeders = lanes.map((lane) => new Feeder(lane));
  const ended = once(out, 'close');
  await Promise.all(
    feeders.map(async (feeder, first) => {
      for (let number = first; number < pieces; number += workers) {
        const at = number * PIECE_BYTES;
        await feeder.feed(log, at, Math.min(PIECE_BYTES, size - at), number);
      }
    }),
  );
  await ended;
  await Promise.all(lanes.map((lane) => lane.close()));
  await log.close();
}

/** @returns bytes of the packed file. @throws if what is packed in it is not the log. */
async function compare(packed: string, log: Buffer): Promise<number> {
  const hash = createHash('sha256');
  let bytes = 0;
  const source = createReadStream(packed).on('data', (chunk) => (bytes += chunk.length));
  await pipeline(source, createGunzip(), hash);
  if (!hash.digest().equals(createHash('sha256').update(log).digest())) {
    throw new Error('what was packed is not what was read: a byte is wrong');
  }
  return bytes;
}

async function main(way: WayName, { bytes, workers, fault }: Order): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'log-pipeline-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [from, to] = [join(folder, 'log'), join(folder, 'log.gz')];
  const log = makeLog(bytes);
  writeFileSync(from, log);
  if (fault) log[log.length >> 1]! ^= 1;

  const meter = new Meter();
  const began = performance.now();
  await compress(way, workers, from, to);
  const ms = performance.now() - began;
  const costs = await meter.stop();
  const packedBytes = await compare(to, log);
  const figures: Figures = { way, bytes: log.length, packedBytes, ms, costs };
  console.log(JSON.stringify(figures));
}

const [way, order] = process.argv.slice(2) as [WayName, string];
main(way, JSON.parse(order) as Order).then(
  () => process.exit(),
  (error: unknown) => {
    console.error(`${way}: ${(error as Error).message}`);
    process.exit(1);
  },
);
