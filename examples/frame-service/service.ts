// Child process: the frame service. Listens on a free port of the loopback interface, answers
// requests, and reports what that cost.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { breakLater } from './faults';
import { ParentLink } from './link';
import { type Memory, type Rival, BufferMemory } from './memory';
import type { FromService, ToService } from './messages';
import { Meter } from './meter';
import { ServiceConnection } from './service-connection';

const link = new ParentLink<ToService, FromService>();
const meter = new Meter();
const tally = { frames: 0 };
const open = new Set<Socket>();
const server = createServer({ noDelay: true, highWaterMark: 256 * 1024 });

/** Loads the addon only where it is used. */
async function openMemory(rival: Rival): Promise<Memory> {
  if (rival === 'buffer') return new BufferMemory();
  const { ArenaMemory } = await import('./arena-memory.js');
  return new ArenaMemory();
}

function accept(socket: Socket, memory: Memory, keep: number): void {
  new ServiceConnection(socket, memory, tally, keep);
  open.add(socket);
  socket.on('close', () => open.delete(socket));
  socket.on('error', (error) => link.fail(error));
}

async function listen(memory: Memory, keep: number): Promise<number> {
  server.on('connection', (socket: Socket) => accept(socket, memory, keep));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Frames still under way have come home when the last connection is closed. */
async function allClosed(): Promise<void> {
  server.close();
  await Promise.all([...open].map((socket) => once(socket, 'close')));
}

async function main(): Promise<void> {
  const { rival, scenario } = await link.next('start');
  const memory = await openMemory(rival);
  link.send({ type: 'listening', port: await listen(memory, scenario.keep) });

  await link.next('mark');
  meter.start();
  link.send({ type: 'marked' });
  breakLater(scenario.fault);

  await link.next('report');
  const costs = await meter.stop();
  const heapStats = memory.report();
  const report = { framesServed: tally.frames, ...costs, ...(heapStats && { heapStats }) };
  link.send({ type: 'report', report });

  await link.next('close');
  await allClosed();
  memory.close();
  link.close();
}

main().catch((error: unknown) => link.fail(error));
