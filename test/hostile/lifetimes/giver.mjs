// Worker of the state machine: gives ArrayBuffers of its arenas away and ends, by itself or not.

import { ReadableStream } from 'node:stream/web';
import { setInterval } from 'node:timers';
import { parentPort, workerData } from 'node:worker_threads';
import { Arena } from 'hakmem-arena';

const { sizes, how, options } = workerData;
const arena = new Arena(options);
const kept = [];

/** Takes the ArrayBuffer of a view away from its arena; the way that every version of Node has is a byte stream. */
export async function takeAway(view) {
  if (view.buffer.transfer !== undefined) return view.buffer.transfer();
  const pull = (controller) =>
    controller.byobRequest.respond(controller.byobRequest.view.byteLength);
  const stream = new ReadableStream({ type: 'bytes', pull });
  const { value } = await stream.getReader({ mode: 'byob' }).read(view);
  return value.buffer;
}

for (const size of sizes) {
  const view = arena.alloc(size, 'W');
  kept.push(arena.retain(arena.alloc(size, 'K')));
  const buffer = await takeAway(view);
  parentPort.postMessage(buffer, [buffer]);
}
if (how === 'destroy') arena.destroy();
if (how === 'exit') process.exit();
if (how === 'wait') setInterval(() => arena.free(arena.alloc(1000)), 1);
