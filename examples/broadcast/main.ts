// Broadcast: a WebSocket server (`ws`) that sends each update, one arena Buffer, to all of its
// subscribers. See examples/README.md.
//
//   main ==IPC==> service   the WebSocket server
//        ==IPC==> client    publishes, subscribes, and compares every byte

import { comparePairs } from '../support/compare';

comparePairs(__dirname, {
  title: 'broadcast: WebSocket server, updates of 128 B..16 KB, each to 8 subscribers',
  unit: 'update',
  full: { operations: 80_000, warmup: 10_000, lanes: 8 },
  quick: { operations: 500, warmup: 100, lanes: 8 },
});
