// Static server: files over HTTP, read into arena memory, with autocannon as its client. See examples/README.md.
//
//   main ==IPC==> service   the server
//        ==IPC==> client    autocannon, every body compared

import { comparePairs } from '../support/compare';

comparePairs(__dirname, {
  title: 'static-server: HTTP, 128 files of up to 256 KB read in pieces of 64 KB; autocannon asks',
  unit: 'request',
  full: { operations: 60_000, warmup: 10_000, lanes: 32 },
  quick: { operations: 400, warmup: 100, lanes: 8 },
});
