// `--fault`: the demo claims to notice wrong bytes, crashes and standstills. These are the means to
// try it. ('digest' is the client's: it expects one wrong digest.)

import type { Fault } from './scenario';

/** Late enough to hit a service at work, early enough for the shortest run. */
const DELAY_MS = 20;

/** Lets this process come to grief in a moment, if `fault` is one of a process. */
export function breakLater(fault: Fault): void {
  if (fault === 'crash') setTimeout(() => process.kill(process.pid, 'SIGKILL'), DELAY_MS);
  if (fault === 'hang') setTimeout(blockForever, DELAY_MS);
}

function blockForever(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
