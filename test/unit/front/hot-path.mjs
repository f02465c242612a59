// Hot path: a service's mix of lengths, played until the engine has compiled it for good, and then on. Started with
// --allow-natives-syntax and flags that make the engine tell what it does; what it prints between the two marks
// happened in steady state.
import { Arena } from '../../../dist/index.js';

const LENGTHS = [64, 128, 188, 256, 512, 1316, 1500, 4096];
const SLOTS = 400;
const WARM_UP_STEPS = 12_000_000;
const STEPS = 8_000_000;

const arena = new Arena();
const live = new Array(SLOTS).fill(null);

function play(steps) {
  let random = 1234567;
  for (let i = 0; i < steps; i++) {
    random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
    const slot = (random >> 8) % SLOTS;
    const view = live[slot];
    if (view === null) {
      live[slot] = arena.allocUnsafe(LENGTHS[(random >> 20) & 7]);
    } else {
      arena.free(view);
      live[slot] = null;
    }
  }
}

// By the engine's own hand, because what it prints waits in a buffer that ours would overtake.
const mark = new Function('text', '%DebugPrint(text)');

for (let steps = 0; steps < WARM_UP_STEPS; steps += 1_000_000) play(1_000_000);
mark('steady state');
for (let steps = 0; steps < STEPS; steps += 1_000_000) play(1_000_000);
mark('the end');
