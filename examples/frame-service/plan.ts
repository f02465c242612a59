// The client's plan: one lap over the input, cut into frames, with all that a right answer consists
// of. Made before the clock starts, so that checking replies costs little more than comparing bytes.

import { gzipSync } from 'node:zlib';
import { loadInput, surveyInput } from './input';
import type { Scenario } from './scenario';
import { FrameMix } from './mix';
import { MAX_PAYLOAD_BYTES } from './protocol';

/** A small input is gone round several times within a lap: the mix of sizes needs some length. */
const MIN_LAP_FRAMES = 8192;

/** One lap of frames as columns. Frame n of the traffic is row n modulo the length of the lap. */
export interface Plan {
  input: Buffer;
  lapFrames: number;
  /** Where the payload lies in `input`. */
  offsets: Uint32Array;
  payloadBytes: Uint32Array;
  echoBytes: Uint32Array;
  digests: Uint32Array;
}

export function makePlan(scenario: Scenario): Plan {
  const survey = surveyInput(scenario.path);
  const input = loadInput(survey, scenario.maxInputBytes, MAX_PAYLOAD_BYTES);
  const inputBytes = input.length - MAX_PAYLOAD_BYTES;
  const plan = cutIntoFrames(input, inputBytes, scenario);
  checkDigests(plan);
  if (scenario.fault === 'digest') {
    const row = (scenario.warmupFrames + (scenario.frames >>> 1)) % plan.lapFrames;
    plan.digests[row] = ~plan.digests[row]!;
  }
  return plan;
}

/** Cuts frame after frame until every byte of the input is in one, or no more are needed. */
function cutIntoFrames(input: Buffer, inputBytes: number, scenario: Scenario): Plan {
  const wanted = scenario.frames + scenario.warmupFrames;
  const mix = new FrameMix(scenario.mix, scenario.seed, scenario.minBytes, scenario.maxBytes);
  const offsets: number[] = [];
  const payloadBytes: number[] = [];
  const echoBytes: number[] = [];
  for (let sent = 0; offsets.length < wanted;) {
    if (sent >= inputBytes && offsets.length >= MIN_LAP_FRAMES) break;
    const length = mix.nextRequestBytes();
    offsets.push(sent % inputBytes);
    payloadBytes.push(length);
    echoBytes.push(mix.nextEchoBytes(length));
    sent += length;
  }
  const digests = Uint32Array.from(offsets, (offset, row) =>
    plainCrc32(input, offset, offset + payloadBytes[row]!),
  );
  return {
    input,
    lapFrames: offsets.length,
    offsets: Uint32Array.from(offsets),
    payloadBytes: Uint32Array.from(payloadBytes),
    echoBytes: Uint32Array.from(echoBytes),
    digests,
  };
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
  return crc;
});

/** Byte by byte, and sharing nothing with the service: a mistake there must not be repeated here. */
function plainCrc32(data: Buffer, start: number, end: number): number {
  let crc = -1;
  for (let i = start; i < end; i++) crc = crcTable[(crc ^ data[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The client checks itself, too: gzip ends with the CRC-32 of what it packed. */
function checkDigests(plan: Plan): void {
  const step = Math.max(1, plan.lapFrames >>> 4);
  for (let row = 0; row < plan.lapFrames; row += step) {
    const start = plan.offsets[row]!;
    const packed = gzipSync(plan.input.subarray(start, start + plan.payloadBytes[row]!), {
      level: 0,
    });
    if (packed.readUInt32LE(packed.length - 8) !== plan.digests[row]) {
      throw new Error('the client and zlib disagree about a CRC-32');
    }
  }
}
