// File copy: a file is read through `fs` into arena Buffers, several at once, and written to another
// through a stream. See examples/README.md.
//
//   main ==IPC==> program

import { comparePrograms } from '../support/compare';

comparePrograms(__dirname, {
  title: 'file-copy: fs.read into fresh Buffers, 8 ahead, and a WriteStream; chunks of 64 KB',
  unit: 'chunk',
  full: { operations: 49_152, warmup: 2_048, lanes: 8 },
  quick: { operations: 64, warmup: 16, lanes: 4 },
});
