// Worker: the other thread of a rival that has none of its own.

import { workerData } from 'node:worker_threads';
import { RIVALS, SWEEP } from './rivals.mjs';

await { ...RIVALS, ...SWEEP }[workerData.name].receive(workerData.theirs);
