// Child process: the frame service. Its accepted sockets read into memory of our own, by `readInto`.

import { createServer } from 'node:net';
import { listenLocally } from '../support/listen';
import { runService, type Service } from '../support/service-process';
import type { Memory } from '../support/memory';
import { breakLater } from './faults';
import type { Scenario } from './scenario';
import { ServiceConnection } from './service-connection';

async function open(memory: Memory, scenario: Scenario): Promise<Service> {
  const tally = { frames: 0 };
  const closed: Promise<void>[] = [];
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
    const { socket } = new ServiceConnection(memory, tally, scenario, accepted);
    socket.on('error', (error) => {
      throw error;
    });
    closed.push(new Promise((resolve) => socket.once('close', () => resolve())));
  });
  const port = await listenLocally(server);
  breakLater(scenario.fault);
  return {
    port,
    get served() {
      return tally.frames;
    },
    // The client hangs up; frames still kept come home with the connections.
    close: async () => {
      server.close();
      await Promise.all(closed);
    },
  };
}

runService(open);
