// Days: what a service asks for over time, as steps that every rival plays in the same moments, in JavaScript
// and in C. A step is a slot and a length: allocate that, or with length 0 free it. Nothing here depends on
// what a rival does, and the same day is the same every time.

import { nextRandom, SEED } from '../random';

/** Steps come in ticks of so many milliseconds. */
export const TICK_MS = 20;
/** The slot that ends a tick. */
export const END_OF_TICK = 0xffff_ffff;

const MIB = 2 ** 20;
const TICKS_PER_SECOND = 1000 / TICK_MS;

/** Slots with what is live, and the steps of the tick that is being made. */
class Service {
  readonly #lengths: number[] = [];
  readonly #freeSlots: number[] = [];
  /** Slots that a step may free, in no order. */
  readonly #live: number[] = [];
  #steps: number[] = [];
  #random = SEED;
  liveBytes = 0;

  get liveCount(): number {
    return this.#live.length;
  }

  below(bound: number): number {
    this.#random = nextRandom(this.#random);
    return this.#random % bound;
  }

  /** As many in each doubling. */
  logUniform(min: number, max: number): number {
    const share = this.below(1 << 20) / (1 << 20);
    return Math.floor(min * (max / min) ** share);
  }

  /** `stays`: nobody frees it before the end. */
  allocate(bytes: number, stays = false): void {
    const slot = this.#freeSlots.pop() ?? this.#lengths.length;
    this.#lengths[slot] = bytes;
    this.liveBytes += bytes;
    if (!stays) this.#live.push(slot);
    this.#steps.push(slot, bytes);
  }

  freeOne(): void {
    const at = this.below(this.#live.length);
    const slot = this.#live[at]!;
    this.#live[at] = this.#live.at(-1)!;
    this.#live.pop();
    this.#freeSlots.push(slot);
    this.liveBytes -= this.#lengths[slot]!;
    this.#steps.push(slot, 0);
  }

  endTick(): Uint32Array {
    const steps = Uint32Array.from([...this.#steps, END_OF_TICK, 0]);
    this.#steps = [];
    return steps;
  }
}

type Steps = Generator<Uint32Array, void>;

/** Load in shares of the peak, and for how many seconds. */
const NIGHT_AND_DAY = [
  [2, 0.01],
  [6, 1],
  [8, 0.05],
  [5, 0.6],
  [9, 0.01],
] as const;
const PEAK_BYTES = 200 * MIB;
const RISE_BYTES = PEAK_BYTES / (TICKS_PER_SECOND / 2);

function* nightAndDay(pace: number): Steps {
  const service = new Service();
  const length = (): number => service.logUniform(64, 32 * 1024);
  for (const [seconds, share] of NIGHT_AND_DAY) {
    for (let tick = 0; tick < seconds * TICKS_PER_SECOND * pace; tick++) {
      const target = share * PEAK_BYTES * pace;
      for (let rise = 0; service.liveBytes < target && rise < RISE_BYTES; rise += 5000) {
        service.allocate(length());
      }
      for (let fall = 0; service.liveBytes > target && fall < RISE_BYTES; fall += 5000) {
        service.freeOne();
      }
      for (let i = service.liveCount / 100; i >= 0; i--) {
        service.freeOne();
        service.allocate(length());
      }
      yield service.endTick();
    }
  }
}

/** 60,000 blocks come within a second, and one in `kept` of them stays; then there is a little traffic. */
function burst(kept: number) {
  return function* (pace: number): Steps {
    const service = new Service();
    const count = 60_000 * pace;
    for (let tick = 0; tick < TICKS_PER_SECOND * pace; tick++) {
      for (let i = 0; i < 60_000 / TICKS_PER_SECOND; i++) {
        service.allocate(1024 + service.below(15 * 1024), service.below(kept) === 0);
      }
      yield service.endTick();
    }
    for (let i = 0; i < count && service.liveCount > 0; i++) service.freeOne();
    yield service.endTick();
    for (let tick = 0; tick < 10 * TICKS_PER_SECOND * pace; tick++) {
      for (let i = 0; i < 20; i++) service.allocate(64 + service.below(4000));
      while (service.liveCount > 100) service.freeOne();
      yield service.endTick();
    }
  };
}

/** Lengths drift from 128 B to 16 KB, and one block in twenty stays for good. */
function* fragmenting(pace: number): Steps {
  const service = new Service();
  const ticks = 20 * TICKS_PER_SECOND * pace;
  for (let tick = 0; tick < ticks; tick++) {
    const length = 128 * 128 ** (tick / ticks);
    for (let bytes = 0; bytes < MIB; bytes += length) {
      service.allocate(Math.ceil(length / 2 + service.below(length)), service.below(20) === 0);
    }
    while (service.liveCount > 0 && service.liveBytes > 100 * MIB) service.freeOne();
    yield service.endTick();
  }
}

/** A cache of 150 MB, full at all times, whose entries grow. */
function* cache(pace: number): Steps {
  const service = new Service();
  const ticks = 20 * TICKS_PER_SECOND * pace;
  for (let tick = 0; tick < ticks; tick++) {
    const longest = 1024 + Math.floor((7 * 1024 * tick) / ticks);
    for (let i = 0; i < 1500; i++) {
      service.allocate(64 + service.below(longest));
      while (service.liveBytes > 150 * MIB * pace) service.freeOne();
    }
    yield service.endTick();
  }
}

export interface Day {
  readonly name: string;
  readonly about: string;
  /** Ticks, one after the other; `pace` below 1 is a shorter day with less in it. */
  readonly steps: (pace: number) => Steps;
}

export const DAYS: readonly Day[] = [
  {
    name: 'night and day',
    about: '64 B to 32 KB, 2 MB live at night, 200 MB at day, 10 MB at noon, 120 MB in the evening',
    steps: nightAndDay,
  },
  {
    name: 'burst',
    about: '60,000 blocks of 1 to 16 KB come in a second and go at once; then 100 are live',
    steps: burst(2 ** 31),
  },
  {
    name: 'burst, 1 in 20 stays',
    about: 'the same, but for one block in twenty',
    steps: burst(20),
  },
  {
    name: 'fragmenting',
    about:
      '100 MB live whose lengths drift from 128 B to 16 KB; one block in twenty stays for good',
    steps: fragmenting,
  },
  {
    name: 'cache',
    about: '150 MB of entries that grow from 1 to 8 KB, replaced at random',
    steps: cache,
  },
];

export function dayNamed(name: string | undefined): Day {
  const day = DAYS.find((one) => one.name === name);
  if (day === undefined) throw new Error(`no day "${name}"`);
  return day;
}
