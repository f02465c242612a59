// Relay: a TCP proxy whose upstream sockets read straight into arena memory (`onread`), which then goes
// to the downstream socket without a copy. See examples/README.md.
//
//   main ==IPC==> service   the relay
//        ==IPC==> client    the origin behind it, and those who ask for bytes in front of it

import { comparePairs } from '../support/compare';

comparePairs(__dirname, {
  title: 'relay: TCP proxy, 1 KB..256 KB a transfer, each read into a fresh Buffer of 64 KB',
  unit: 'transfer',
  full: { operations: 150_000, warmup: 15_000, lanes: 32 },
  quick: { operations: 600, warmup: 100, lanes: 8 },
});
