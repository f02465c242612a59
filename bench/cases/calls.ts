// Calls: what services call beside alloc and free, each against the plain way to the same.

import { Writable } from 'node:stream';
import { Arena, type Scope } from 'hakmem-arena';
import { type Case, faster, NS_PER_STEP, PEAK_RSS } from '../case';
import { nextRandom, SEED } from '../random';
import { effortOf, nsPerStepAsync } from '../timing';

const BYTES = 256;
const STEPS = 20_000;
const LENGTHS = 4096;

type Work = (arena: Arena, steps: number) => void | Promise<void>;

/** Plays `works` under their names; the first is ours, and slower than none of the others by more than told. */
function callCase(
  name: string,
  about: string,
  works: Readonly<Record<string, Work>>,
  atMost: Readonly<Record<string, number>>,
): Case {
  const times = Object.entries(atMost).map(([rival, most]) => [rival, 1 / most] as const);
  return {
    name,
    about,
    metrics: [NS_PER_STEP, PEAK_RSS],
    rivals: Object.keys(works),
    targets: faster(Object.fromEntries(times)),
    play: async (rivalName, quick) => {
      const steps = quick ? 100 : STEPS;
      const work = works[rivalName]!;
      const arena = new Arena({ name: 'bench' });
      const round = async (): Promise<number> => {
        await work(arena, steps);
        return 0;
      };
      return { ns: await nsPerStepAsync(steps, effortOf(quick), round) };
    },
  };
}

const retain = callCase(
  'retain',
  `a Buffer of ${BYTES} B is taken, retained, released and freed`,
  {
    'retain and release': (arena, steps) => {
      for (let i = 0; i < steps; i++) {
        const view = arena.retain(arena.allocUnsafe(BYTES));
        arena.free(view);
        arena.release(view);
      }
    },
    'alloc and free': (arena, steps) => {
      for (let i = 0; i < steps; i++) arena.free(arena.allocUnsafe(BYTES));
    },
  },
  { 'alloc and free': 5 },
);

const settled = (): Promise<number> => Promise.resolve(1);

const freeAfter = callCase(
  'free-after',
  'a Buffer is freed when a promise settles, which it has done already',
  {
    freeAfter: async (arena, steps) => {
      for (let i = 0; i < steps; i++) await arena.freeAfter(arena.allocUnsafe(BYTES), settled());
    },
    'await, then free': async (arena, steps) => {
      for (let i = 0; i < steps; i++) {
        const view = arena.allocUnsafe(BYTES);
        await settled();
        arena.free(view);
      }
    },
  },
  { 'await, then free': 1.3 },
);

const trivial = (): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });

const write = callCase(
  'free-after-write',
  `${BYTES} B are written to a stream that does nothing, and freed`,
  {
    'freeAfterWrite, zeroCopy': async (arena, steps) => {
      const stream = trivial();
      for (let i = 0; i < steps; i++) {
        await arena.freeAfterWrite(stream, arena.allocUnsafe(BYTES), { zeroCopy: true });
      }
    },
    'freeAfterWrite, a copy': async (arena, steps) => {
      const stream = trivial();
      for (let i = 0; i < steps; i++) {
        await arena.freeAfterWrite(stream, arena.allocUnsafe(BYTES));
      }
    },
    'write, with a promise': async (arena, steps) => {
      const stream = trivial();
      for (let i = 0; i < steps; i++) {
        const view = arena.allocUnsafe(BYTES);
        await new Promise<void>((resolve, reject) => {
          stream.write(view, (error) => {
            arena.free(view);
            if (error) reject(error);
            else resolve();
          });
        });
      }
    },
  },
  { 'write, with a promise': 1.25 },
);

/** Nobody waits for a single one of these: the last of 16 says that the stream has taken all. */
const inGroups = async (steps: number, writeOne: (stream: Writable) => void): Promise<void> => {
  const stream = trivial();
  for (let i = 0; i < steps; i += 16) {
    for (let k = 0; k < 16; k++) writeOne(stream);
    await new Promise((resolve) => stream.write('the end', resolve));
  }
};

const writeNow = callCase(
  'write-and-free',
  `the same, and nobody waits for the single one`,
  {
    'writeAndFree, zeroCopy': (arena, steps) =>
      inGroups(steps, (stream) => {
        arena.writeAndFree(stream, arena.allocUnsafe(BYTES), { zeroCopy: true });
      }),
    'write, with a callback': (arena, steps) =>
      inGroups(steps, (stream) => {
        const view = arena.allocUnsafe(BYTES);
        stream.write(view, () => {
          arena.free(view);
        });
      }),
  },
  { 'write, with a callback': 1.1 },
);

async function takeInScope(scope: Scope): Promise<void> {
  for (let k = 0; k < 32; k++) scope.allocUnsafe(BYTES);
  await settled();
}

/** The same, freed one by one. */
async function takeAndFree(arena: Arena): Promise<void> {
  const views: Buffer[] = [];
  try {
    for (let k = 0; k < 32; k++) views.push(arena.allocUnsafe(BYTES));
    await settled();
  } finally {
    for (const view of views) arena.free(view);
  }
}

const asyncScope = callCase(
  'scope-async',
  'an async function with one await takes 32 Buffers, and all are freed',
  {
    'scope(async fn)': async (arena, steps) => {
      for (let i = 0; i < steps; i += 32) await arena.scope(takeInScope);
    },
    // A function of each call: the engine compiles it for any surroundings, and takes no constant of theirs for one.
    'scope(async closure)': async (arena, steps) => {
      for (let i = 0; i < steps; i += 32) {
        await arena.scope(async (scope) => {
          for (let k = 0; k < 32; k++) scope.allocUnsafe(BYTES);
          await settled();
        });
      }
    },
    'async fn with free()': async (arena, steps) => {
      for (let i = 0; i < steps; i += 32) await takeAndFree(arena);
    },
    'free()': async (arena, steps) => {
      for (let i = 0; i < steps; i += 32) {
        const views: Buffer[] = [];
        try {
          for (let k = 0; k < 32; k++) views.push(arena.allocUnsafe(BYTES));
          await settled();
        } finally {
          for (const view of views) arena.free(view);
        }
      }
    },
  },
  { 'async fn with free()': 1.15 },
);

const SUMMANDS = ['content-length: 1024', 'content-type: x/html', 'x-request-id: 012345'] as const;

const TEXTS: Readonly<Record<string, readonly [text: string, encoding: BufferEncoding]>> = {
  'utf8-16': ['GET /index.html ', 'utf8'],
  'utf8-64': ['x-request-id: 0123456789abcdef '.repeat(2).padEnd(64), 'utf8'],
  'utf8-200-mixed': ['zwölf Boxkämpfer '.repeat(12).slice(0, 200), 'utf8'],
  'utf8-64-mixed': ['zwölf Boxkämpfer '.repeat(4).slice(0, 64), 'utf8'],
  'utf8-1000-wide': ['3 € for 2 '.repeat(100), 'utf8'],
  'latin1-64': ['x-request-id: 0123456789abcdef '.repeat(2).padEnd(64), 'latin1'],
  'utf16-32': ['0123456789abcdef'.repeat(2), 'utf16le'],
  'hex-32': ['0123456789abcdef'.repeat(2), 'hex'],
  'base64-16': ['AAECAwQFBgcICQoL', 'base64'],
};

/**
 * The same text in one piece. A sum or a part of others is dearer to encode, and a garbage collection makes one piece of
 * a sum: which the rival causes, and an arena does not.
 */
function inOnePiece(text: string): string {
  const encoding = Buffer.from(text, 'latin1').toString('latin1') === text ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}

const pieces = Object.entries(TEXTS).map(
  ([name, [text, encoding]]) => [name, inOnePiece(text), encoding] as const,
);

const texts = pieces.map(([name, text, encoding]) =>
  callCase(
    `from-${name}`,
    `a text of ${text.length} characters becomes a Buffer (${encoding})`,
    {
      'arena.from': (arena, steps) => {
        for (let i = 0; i < steps; i++) arena.free(arena.from(text, encoding));
      },
      'Buffer.from': (_arena, steps) => {
        for (let i = 0; i < steps; i++) Buffer.from(text, encoding);
      },
    },
    { 'Buffer.from': 1 },
  ),
);

/** As services make them: each text is new, and a sum of two. */
const joined = callCase(
  'from-joined',
  'two texts of 20 characters are joined, and become a Buffer (utf8)',
  {
    'arena.from': (arena, steps) => {
      for (let i = 0; i < steps; i++) arena.free(arena.from(SUMMANDS[i & 1]! + SUMMANDS[i & 2]!));
    },
    'Buffer.from': (_arena, steps) => {
      for (let i = 0; i < steps; i++) Buffer.from(SUMMANDS[i & 1]! + SUMMANDS[i & 2]!);
    },
  },
  { 'Buffer.from': 1 },
);

const grow = callCase(
  'realloc',
  'a Buffer of 100 B becomes one of 200 B, which moves it',
  {
    realloc: (arena, steps) => {
      for (let i = 0; i < steps; i++) arena.free(arena.realloc(arena.allocUnsafe(100), 200));
    },
    'alloc, copy, free': (arena, steps) => {
      for (let i = 0; i < steps; i++) {
        const view = arena.allocUnsafe(100);
        const next = arena.allocUnsafe(200);
        next.set(view);
        arena.free(view);
        arena.free(next);
      }
    },
  },
  { 'alloc, copy, free': 2 },
);

/** Lengths of one round, the same in every one. */
function makeLengths(from: number, count: number): Int32Array {
  let random = SEED;
  return Int32Array.from({ length: LENGTHS }, () => {
    random = nextRandom(random);
    return from + (random % count);
  });
}

/** The length of the block behind each length below `end`. */
function wholeLengths(arena: Arena, end: number): Int32Array {
  const sizes = arena.policy().classes.map(({ size }) => size);
  let index = 0;
  return Int32Array.from({ length: end }, (_, length) => {
    while (sizes[index]! < length) index++;
    return sizes[index]!;
  });
}

/** 400 live Buffers, each step replaces one. */
function replace(alloc: (arena: Arena, length: number) => Buffer, lengths: Int32Array): Work {
  const live = new Array<Buffer | undefined>(400).fill(undefined);
  return (arena, steps) => {
    for (let i = 0; i < steps; i++) {
      const at = i % live.length;
      const old = live[at];
      if (old !== undefined) arena.free(old);
      const view = alloc(arena, lengths[i % LENGTHS]!);
      view[0] = 1;
      live[at] = view;
    }
  };
}

const atLeast = (name: string, from: number, count: number): Case => {
  const lengths = makeLengths(from, count);
  const fixed = new Int32Array(LENGTHS).fill(from + count / 2);
  const unsafe = (arena: Arena, length: number): Buffer => arena.allocUnsafe(length);
  let whole: Int32Array | undefined;
  const byHand = (arena: Arena, length: number): Buffer => {
    whole ??= wholeLengths(arena, from + count);
    return arena.allocUnsafe(whole[length]!);
  };
  return callCase(
    `at-least-${name}`,
    `lengths of ${from} to ${from + count - 1} B, asked for as whole blocks`,
    {
      allocAtLeast: replace((arena, length) => arena.allocAtLeast(length), lengths),
      'allocUnsafe, rounded by hand': replace(byHand, lengths),
      'allocUnsafe, one length': replace(unsafe, fixed),
      allocUnsafe: replace(unsafe, lengths),
    },
    { 'allocUnsafe, one length': 1.15, 'allocUnsafe, rounded by hand': 1.1 },
  );
};

export const calls: readonly Case[] = [
  retain,
  freeAfter,
  write,
  writeNow,
  asyncScope,
  ...texts,
  joined,
  grow,
  atLeast('1k', 16, 1008),
  atLeast('31k', 1024, 30 * 1024),
];
