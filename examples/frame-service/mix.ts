// What the traffic looks like: sizes of requests and of replies, from a seeded generator, so that
// both rivals and every later run see the same frames.
//
//   service  Three frames in five are messages of a fixed layout, whose exact sizes come again and
//            again; the others are as long as their contents. Small frames dominate by number, large
//            ones by bytes. The mean is about 2.2 KB.
//   spread   All frames are as long as their contents, so hardly an exact size repeats: nothing an
//            allocator could settle on. The mean is about 1.7 KB.

import { seededRandom } from '../support/random';
import { MAX_PAYLOAD_BYTES } from './protocol';

export const MIN_FRAME_BYTES = 64;
export const MAX_FRAME_BYTES = MAX_PAYLOAD_BYTES;

export type MixName = 'service' | 'spread';

export const MIXES: readonly MixName[] = ['service', 'spread'];

/** Sizes from `from` to `to`, spread evenly over their logarithm; one size if both are the same. */
interface Band {
  from: number;
  to: number;
  /** Of all frames, in per cent. */
  share: number;
}

const REQUESTS: Record<MixName, readonly Band[]> = {
  service: [
    { from: 64, to: 64, share: 18 }, // heartbeats, acknowledgements
    { from: 128, to: 128, share: 12 }, // calls
    { from: 256, to: 256, share: 10 }, // records
    { from: 512, to: 512, share: 6 },
    { from: 1316, to: 1316, share: 6 }, // seven packets of a transport stream
    { from: 4096, to: 4096, share: 5 }, // pages
    { from: 16384, to: 16384, share: 2 }, // blocks
    { from: 65536, to: 65536, share: 0.5 },
    { from: 64, to: 512, share: 18 }, // calls with arguments, log lines
    { from: 512, to: 2048, share: 14 }, // JSON documents
    { from: 2048, to: 8192, share: 6 }, // result pages
    { from: 8192, to: 65536, share: 2.5 }, // images, exports
  ],
  spread: [
    { from: 64, to: 512, share: 60 },
    { from: 512, to: 2048, share: 25 },
    { from: 2048, to: 8192, share: 10 },
    { from: 8192, to: 16384, share: 4 },
    { from: 16384, to: 65536, share: 1 },
  ],
};

/** Of a request's payload, its reply returns so much, or all if there is no more. */
const ECHOES: Record<MixName, readonly Band[]> = {
  service: [
    { from: 0, to: 0, share: 50 }, // done: the digest says it all
    { from: 44, to: 44, share: 20 }, // a record, with the header 64 bytes
    { from: 64, to: 512, share: 20 },
    { from: 512, to: 65536, share: 10 },
  ],
  spread: [
    { from: 1, to: 64, share: 70 },
    { from: 64, to: 512, share: 20 },
    { from: 512, to: 65536, share: 10 },
  ],
};

/** The part of `band` between `min` and `max`, its share cut in proportion. */
function clip(band: Band, min: number, max: number): Band {
  const from = Math.max(band.from, min);
  const to = Math.min(band.to, max);
  if (from > to) return { ...band, share: 0 };
  const part = band.from === band.to ? 1 : Math.log(to / from) / Math.log(band.to / band.from);
  return { from, to, share: band.share * part };
}

export class FrameMix {
  readonly #random: () => number;
  readonly #requests: readonly Band[];
  readonly #echoes: readonly Band[];
  readonly #min: number;

  /** @param min smallest request in bytes; @param max largest, inclusive. */
  constructor(name: MixName, seed: number, min: number, max: number) {
    this.#random = seededRandom(seed);
    this.#requests = REQUESTS[name].map((band) => clip(band, min, max));
    this.#echoes = ECHOES[name];
    this.#min = min;
  }

  /** @returns the length of the next request's payload. */
  nextRequestBytes(): number {
    return this.#draw(this.#requests) ?? this.#min;
  }

  /** @returns how much of a payload of `requestBytes` the next reply is to return. */
  nextEchoBytes(requestBytes: number): number {
    return Math.min(this.#draw(this.#echoes) ?? 0, requestBytes);
  }

  /** @returns a size, or undefined if no band has a share, as can be when min equals max. */
  #draw(bands: readonly Band[]): number | undefined {
    let left = this.#random() * bands.reduce((sum, band) => sum + band.share, 0);
    const band = bands.find(({ share }) => (left -= share) < 0);
    if (band === undefined || band.from === band.to) return band?.from;
    return Math.round(band.from * (band.to / band.from) ** this.#random());
  }
}
