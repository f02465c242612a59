// HTTP store: PUT an object, GET it back. The objects live in an arena. See examples/README.md.
//
//   main ==IPC==> service   the HTTP server
//        ==IPC==> client    uploads, downloads, and compares every byte

import { comparePairs } from '../support/compare';

comparePairs(__dirname, {
  title: 'http-store: HTTP, one upload for three downloads, objects of 1 KB..256 KB, 1024 kept',
  unit: 'request',
  full: { operations: 80_000, warmup: 15_000, lanes: 16 },
  quick: { operations: 400, warmup: 100, lanes: 8 },
});
