// What the traffic looks like: sizes of requests and of echoes, from a seeded generator, so that
// both rivals and every later run see the same frames.
//
// The mix is that of a service that is mostly remote calls: four in five frames are small, few are
// large, and yet the large ones carry a good part of the bytes. Inside a band, sizes are spread
// evenly over the logarithm, so nearly every exact length occurs: no favourite sizes for an
// allocator to specialise in. The mean is about 1.7 KB.

import { MAX_PAYLOAD_BYTES } from './protocol';

export const MIN_FRAME_BYTES = 64;
export const MAX_FRAME_BYTES = MAX_PAYLOAD_BYTES;

interface Band {
  from: number;
  to: number;
  /** Of all frames, in per cent. */
  share: number;
}

const REQUEST_BANDS: readonly Band[] = [
  { from: 64, to: 512, share: 60 }, // calls, acknowledgements, small records
  { from: 512, to: 2048, share: 25 }, // typical JSON documents
  { from: 2048, to: 8192, share: 10 }, // result pages
  { from: 8192, to: 16384, share: 4 },
  { from: 16384, to: 65536, share: 1 }, // images, exports
];

/** Most replies are little more than a digest, some return a part, a few return it all. */
const ECHO_BANDS: readonly Band[] = [
  { from: 1, to: 64, share: 70 },
  { from: 64, to: 512, share: 20 },
  { from: 512, to: 65536, share: 10 },
];

/** @returns a generator (mulberry32) of numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The part of `band` between `min` and `max`, its share cut in proportion. */
function clip(band: Band, min: number, max: number): Band {
  const from = Math.max(band.from, min);
  const to = Math.min(band.to, max);
  const part = from < to ? Math.log(to / from) / Math.log(band.to / band.from) : 0;
  return { from, to, share: band.share * part };
}

export class FrameMix {
  readonly #random: () => number;
  readonly #bands: readonly Band[];
  readonly #min: number;

  /** @param min smallest request in bytes; @param max largest, inclusive. */
  constructor(seed: number, min: number, max: number) {
    this.#random = seededRandom(seed);
    this.#bands = REQUEST_BANDS.map((band) => clip(band, min, max));
    this.#min = min;
  }

  /** @returns the length of the next request's payload. */
  nextRequestBytes(): number {
    return this.#draw(this.#bands) ?? this.#min;
  }

  /** @returns how much of a payload of `requestBytes` the next reply is to return. */
  nextEchoBytes(requestBytes: number): number {
    return Math.min(this.#draw(ECHO_BANDS) ?? 0, requestBytes);
  }

  /** @returns a size, or undefined if no band has a share, as when min equals max. */
  #draw(bands: readonly Band[]): number | undefined {
    let left = this.#random() * bands.reduce((sum, band) => sum + band.share, 0);
    const band = bands.find(({ share }) => (left -= share) < 0);
    return band && Math.round(band.from * (band.to / band.from) ** this.#random());
  }
}
