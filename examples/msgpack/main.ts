// msgpack: records are encoded into Buffers of their exact length, wait in a queue, and are sent. See
// examples/README.md.
//
//   main ==IPC==> program -> records

import { comparePrograms } from '../support/compare';

comparePrograms(__dirname, {
  title: 'msgpack: records of 100 B..40 KB encoded with @msgpack/msgpack, 4096 in a queue',
  unit: 'record',
  full: { operations: 3_000_000, warmup: 100_000, lanes: 4096 },
  quick: { operations: 5_000, warmup: 1_000, lanes: 256 },
});
