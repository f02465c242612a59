// Child process: the frame service. Dials in to the client, as a worker does behind a gateway or
// broker, because a socket that connects can be given a buffer to read into, and one that was
// accepted cannot. Answers requests, and reports what that cost.

import { breakLater } from './faults';
import { ParentLink } from './link';
import { BufferMemory, type Memory, type Rival } from './memory';
import type { FromService, ToService } from './messages';
import { Meter } from './meter';
import { ServiceConnection } from './service-connection';

const link = new ParentLink<ToService, FromService>();

/** Loads the addon only where it is used. */
async function openMemory(rival: Rival): Promise<Memory> {
  if (rival === 'buffer') return new BufferMemory();
  const { ArenaMemory } = await import('./arena-memory.js');
  return new ArenaMemory();
}

async function main(): Promise<void> {
  const { rival, scenario, port } = await link.next('start');
  const memory = await openMemory(rival);
  const tally = { frames: 0 };
  const closed: Promise<void>[] = [];
  for (let i = 0; i < scenario.connections; i++) {
    const { socket } = new ServiceConnection(memory, tally, scenario, port);
    socket.on('error', (error) => link.fail(error));
    closed.push(new Promise((resolve) => socket.once('close', () => resolve())));
  }

  await link.next('mark');
  const meter = new Meter();
  link.send({ type: 'marked' });
  breakLater(scenario.fault);

  await link.next('report');
  const costs = await meter.stop();
  const heapStats = memory.report();
  const report = { framesServed: tally.frames, ...costs, ...(heapStats && { heapStats }) };
  link.send({ type: 'report', report });

  // The client hangs up; frames still kept come home with the connections.
  await Promise.all(closed);
  memory.close();
  link.close();
}

main().catch((error: unknown) => link.fail(error));
