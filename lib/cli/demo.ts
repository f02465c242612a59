/**
 * Demo: three arenas with traffic of different kinds, and the monitor to watch them.
 */
import { parseArgs } from 'node:util';
import { Arena, type View } from '../index';
import { createMonitor } from '../monitor';
import { nextRandom } from '../base/random';
import { numberOption } from './usage';

const STEP_MS = 20;

/** A small generator, so that every run looks alike. */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = nextRandom(state);
    return (state >>> 0) % bound;
  };
}

type Traffic = (step: number) => void;

/** Requests: everything that one allocates is free when it ends. */
function requests(arena: Arena): Traffic {
  const below = randomBelow(1);
  const lengths = [64, 128, 188, 256, 512, 1316, 1500, 4096];
  return () => {
    for (let request = 0; request < 200; request++) {
      arena.scope((scope) => {
        for (let i = 0; i < 8; i++) scope.allocUnsafe(lengths[below(lengths.length)]!);
      });
    }
  };
}

/** A cache whose size rises and falls, so that SuperSlabs come and go. */
function cache(arena: Arena): Traffic {
  const below = randomBelow(2);
  const entries: View[] = [];
  return (step) => {
    const wanted = Math.round(3000 * (1.2 + Math.sin(step / 400)));
    for (let i = 0; i < 60; i++) {
      const at = below(Math.max(1, entries.length));
      const old = entries[at];
      if (old !== undefined) {
        arena.free(old);
        entries[at] = entries.at(-1)!;
        entries.pop();
      }
      while (entries.length < wanted && i % 3 === 0)
        entries.push(arena.allocUnsafe(500 + below(12_000)));
    }
    while (entries.length > wanted) arena.free(entries.pop()!);
  };
}

/** Frames: few and large, runs and huge mappings among them. */
function frames(arena: Arena): Traffic {
  const below = randomBelow(3);
  const ring: View[] = [];
  return () => {
    const kind = below(40);
    const size =
      kind === 0 ? 3_000_000 : kind < 8 ? 100_000 + below(400_000) : 10_000 + below(50_000);
    ring.push(arena.allocUnsafe(size));
    if (ring.length > 60) arena.free(ring.shift()!);
  };
}

/** `demo`: until it is interrupted, or for `--seconds`. */
export async function demo(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { port: { type: 'string' }, seconds: { type: 'string' } },
  });
  const port = numberOption('port', values.port, 6464, [0, 65_535]);
  const seconds = numberOption('seconds', values.seconds, Infinity, [0, 1e6]);
  const server = await createMonitor({ title: 'hakmem-arena demo' }).listen({ port });
  console.log(`The monitor is at ${server.url} (Ctrl-C ends the demo).`);

  const arenas = ['requests', 'cache', 'frames'].map((name) => new Arena({ name }));
  const traffics = [requests(arenas[0]!), cache(arenas[1]!), frames(arenas[2]!)];
  let step = 0;
  const timer = setInterval(() => {
    step++;
    for (const traffic of traffics) traffic(step);
    if (step % 500 === 0) for (const arena of arenas) arena.trim();
  }, STEP_MS);
  await end(seconds);
  clearInterval(timer);
  for (const arena of arenas) arena.destroy();
  await server.close();
  return 0;
}

function end(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    if (Number.isFinite(seconds)) setTimeout(resolve, seconds * 1000);
  });
}
