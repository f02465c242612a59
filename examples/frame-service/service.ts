// Child process: the frame service. Dials in to the client, as a worker does behind a gateway or
// broker: a socket that connects can be given a buffer to read into, and one that was accepted needs
// `readInto` for that (see examples/relay).

import { runService, type Service } from '../support/service-process';
import type { Memory } from '../support/memory';
import { breakLater } from './faults';
import type { Scenario } from './scenario';
import { ServiceConnection } from './service-connection';

function open(memory: Memory, scenario: Scenario, clientPort: number): Promise<Service> {
  const tally = { frames: 0 };
  const closed: Promise<void>[] = [];
  for (let i = 0; i < scenario.connections; i++) {
    const { socket } = new ServiceConnection(memory, tally, scenario, clientPort);
    socket.on('error', (error) => {
      throw error;
    });
    closed.push(new Promise((resolve) => socket.once('close', () => resolve())));
  }
  breakLater(scenario.fault);
  return Promise.resolve({
    port: 0,
    get served() {
      return tally.frames;
    },
    // The client hangs up; frames still kept come home with the connections.
    close: async () => {
      await Promise.all(closed);
    },
  });
}

runService(open);
