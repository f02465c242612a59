/**
 * Text: a string becomes bytes in a block, in as few steps as its encoding allows.
 *
 * A call of the engine's own encoders costs 10 to 80 ns, as much as a few characters in JavaScript or twenty. So short
 * strings are written here, long ones there; where the length of the result follows from that of the string, nothing is
 * measured first. UTF-8 is taken for ASCII while the last string was: then its length is that of the string, and whether
 * that was right `byteLength` tells, or where that is dearer, the encoder. Else it is encoded into memory of this module,
 * which has room for any result, and copied from there: to measure what is not ASCII takes as long as to encode it.
 *
 * What the encoders do with characters that do not belong to an encoding, only they know: a result that is shorter
 * than expected is given up, and the caller asks Node.
 */
import type { Front } from '../front/front';
import { giveUp } from './give-up';
import { setBytes } from '../view/kinds';

/** Longest strings that are written in JavaScript; measured on Node 20 to 26. */
const SHORT_HEX = 40;
const SHORT_BASE64 = 36;

/** Longest texts that are encoded into {@link scratch}, and the bytes that a character takes at most. */
const SCRATCH_TEXT = 4096;
const MOST_BYTES = 3;
/** Most bytes that are copied from there in JavaScript; of fewer than so many a view is kept. */
const SHORT_COPY = 12;
const KEPT_SOURCES = 512;
/** One of so many texts is looked at, and so many characters of it. */
const LOOK_EVERY = 16;
const LOOKED_AT = 256;
const COUNTED_USES = 0xffff;

type Encode = (view: Buffer, text: string, offset: number, length: number) => number;
type Encoder = `${'base64' | 'base64url' | 'hex' | 'latin1' | 'ucs2' | 'utf8'}Write`;

/** One of Node's own methods. A program may have put others on a Buffer that is recycled. */
function encoderOf(name: Encoder): Encode {
  const methods = Buffer.prototype as unknown as Readonly<Record<Encoder, () => number>>;
  return Function.prototype.call.bind(methods[name]) as Encode;
}

const writeBase64 = encoderOf('base64Write');
const writeBase64url = encoderOf('base64urlWrite');
const writeHex = encoderOf('hexWrite');
const writeLatin1 = encoderOf('latin1Write');
const writeUtf16 = encoderOf('ucs2Write');
const writeUtf8 = encoderOf('utf8Write');
const byteLength = Buffer.byteLength.bind(Buffer);
const encoder = new TextEncoder();
const encodeInto = encoder.encodeInto.bind(encoder);

/** From Node 22 on Buffer's encoders are functions of JavaScript, and take 10 to 30 ns where they took 50. */
const hasFastWrite = !String(Reflect.get(Buffer.prototype, 'utf8Write')).includes('[native code]');

/** Node 22 calls fast functions of its own in no `try`. */
const isSlowInTry = hasFastWrite && parseInt(process.versions.v8, 10) < 13;

/** `byteLength` and `latin1Write` take less than `encodeInto`; from Node 24 on they take more. */
const isMeasured = !hasFastWrite || isSlowInTry;

/**
 * The same where it depends on what a call of Node's costs: ASCII, Latin-1, UTF-8 that is not ASCII, and UTF-16, which has
 * no fast encoder.
 */
const [SHORT_ASCII, SHORT_BYTES, SHORT_MIXED, SHORT_UTF16] = !hasFastWrite
  ? [28, 24, 16, 24]
  : isSlowInTry
    ? [10, 8, 4, 28]
    : [24, 16, 8, 36];

/** Room for any text of {@link SCRATCH_TEXT} characters; made with the first that needs it. */
let scratch: Buffer | undefined;
/** The same: to ask a view for its ArrayBuffer is a call of the runtime. */
let memory: ArrayBuffer | undefined;
/** How often a text was encoded into it, counted round and round; the first is looked at. */
let scratchUses = -1;
/** Its first bytes as views, by their number: made when they are needed. */
const sources = new Array<Uint8Array | undefined>(KEPT_SOURCES).fill(undefined);

/** Values of digits by character below 128; NO_DIGIT of all others. */
const NO_DIGIT = 255;
const HEX_DIGITS = digitsOf('0123456789abcdef');
for (const digit of 'ABCDEF') HEX_DIGITS[digit.charCodeAt(0)] = parseInt(digit, 16);
/** Of both alphabets, because Node takes either for each of the two encodings. */
const BASE64_DIGITS = digitsOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
BASE64_DIGITS['-'.charCodeAt(0)] = 62;
BASE64_DIGITS['_'.charCodeAt(0)] = 63;

function digitsOf(alphabet: string): Uint8Array {
  const digits = new Uint8Array(128).fill(NO_DIGIT);
  for (let i = 0; i < alphabet.length; i++) digits[alphabet.charCodeAt(i)] = i;
  return digits;
}

/** Which encoder. ASCII: UTF-8, but 0 is returned if it is not ASCII. */
const UTF8 = 0;
const ASCII = 1;
const LATIN1 = 2;
const UTF16 = 3;
const HEX = 4;
const BASE64 = 5;
const BASE64URL = 6;

/**
 * Writes a text and returns how many bytes of it there are. It stands in a `try`, and Node 22 calls its fast encoders in
 * none: so it is longer than what the engine inlines (460 bytes of bytecode), on purpose; a test says when it is not.
 */
function encode(view: Buffer, text: string, bytes: number, encoding: number): number {
  if (encoding === LATIN1) return writeLatin1(view, text, 0, bytes);
  if (encoding === UTF16) return writeUtf16(view, text, 0, bytes);
  if (encoding === HEX) return writeHex(view, text, 0, bytes);
  if (encoding === BASE64) return writeBase64(view, text, 0, bytes);
  if (encoding === BASE64URL) return writeBase64url(view, text, 0, bytes);
  const { length } = text;
  if (encoding === ASCII) {
    const { read, written } = encodeInto(text, view);
    return read === length ? written : 0;
  }
  if (length > SHORT_MIXED) return writeUtf8(view, text, 0, bytes);
  let to = 0;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) {
      view[to++] = code;
    } else if (code < 0x800) {
      view[to++] = 0xc0 | (code >> 6);
      view[to++] = 0x80 | (code & 0x3f);
    } else if ((code & 0xf800) === 0xd800) {
      return writeUtf8(view, text, 0, bytes);
    } else {
      view[to++] = 0xe0 | (code >> 12);
      view[to++] = 0x80 | ((code >> 6) & 0x3f);
      view[to++] = 0x80 | (code & 0x3f);
    }
  }
  return to;
}

let isMostlyAscii = true;

/** A view with the bytes of a text; undefined: Node has to say what it means. */
export function takeText(
  front: Front,
  text: string,
  encoding: unknown,
  owner: number,
): Buffer | undefined {
  switch (encoding) {
    case undefined:
    case 'utf8':
    case 'utf-8':
      return takeUtf8(front, text, owner);
    case 'latin1':
    case 'binary':
    case 'ascii':
      if (text.length <= SHORT_BYTES) return takeShortBytes(front, text, owner);
      return encoded(front, text, text.length, LATIN1, owner);
    case 'utf16le':
    case 'ucs2':
      if (text.length <= SHORT_UTF16) return takeShortUtf16(front, text, owner);
      return encoded(front, text, 2 * text.length, UTF16, owner);
    case 'hex':
      if (text.length <= SHORT_HEX) return takeShortHex(front, text, owner);
      return encoded(front, text, text.length >>> 1, HEX, owner);
    case 'base64':
    case 'base64url':
      if (text.length <= SHORT_BASE64) return takeShortBase64(front, text, owner);
      return encoded(
        front,
        text,
        base64Length(text),
        encoding === 'base64' ? BASE64 : BASE64URL,
        owner,
      );
    default:
      return undefined;
  }
}

/** Bytes of text without characters that do not belong to base64; with padding or without. */
function base64Length(text: string): number {
  const { length } = text;
  let digits = length;
  if (length > 0 && text.charCodeAt(length - 1) === 61) digits--;
  if (digits > 1 && text.charCodeAt(length - 2) === 61) digits--;
  return Math.floor((digits * 3) / 4);
}

/** Has one of Node's encoders write a text. undefined: it is shorter than `bytes`. */
function encoded(
  front: Front,
  text: string,
  bytes: number,
  encoding: number,
  owner: number,
): Buffer | undefined {
  const view = front.alloc(bytes, owner);
  if (bytes === 0) return view;
  try {
    if (encode(view, text, bytes, encoding) === bytes) return view;
  } catch (error) {
    giveUp(front, view);
    throw error;
  }
  giveUp(front, view);
  return undefined;
}

function takeUtf8(front: Front, text: string, owner: number): Buffer | undefined {
  const { length } = text;
  if (isMostlyAscii) {
    const view =
      length <= SHORT_ASCII ? takeShortAscii(front, text, owner) : takeAscii(front, text, owner);
    if (view !== undefined) return view;
  }
  if (length <= SCRATCH_TEXT && !front.scrubs()) return takeEncoded(front, text, owner);
  const bytes = byteLength(text);
  isMostlyAscii = bytes === length;
  return encoded(front, text, bytes, UTF8, owner);
}

/** undefined: it is not ASCII. */
function takeShortAscii(front: Front, text: string, owner: number): Buffer | undefined {
  const { length } = text;
  const view = front.alloc(length, owner);
  let at = 0;
  for (; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) break;
    view[at] = code;
  }
  if (at === length) return view;
  front.takeBack(view);
  return undefined;
}

/** Writes ASCII. undefined: it is not ASCII. */
function takeAscii(front: Front, text: string, owner: number): Buffer | undefined {
  const { length } = text;
  if (!isMeasured) return encoded(front, text, length, ASCII, owner);
  return byteLength(text) === length ? encoded(front, text, length, LATIN1, owner) : undefined;
}

/** Whether the last text that was looked at had characters that are not Latin-1: those `encodeInto` does faster. */
let isMostlyWide = false;

function isWide(text: string): boolean {
  const length = Math.min(text.length, LOOKED_AT);
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 0xff) return true;
  return false;
}

/** Returns the bytes of UTF-8. */
function encodeIntoScratch(text: string): number {
  const { length } = text;
  scratch ??= Buffer.from((memory = new ArrayBuffer(MOST_BYTES * SCRATCH_TEXT)));
  scratchUses = (scratchUses + 1) & COUNTED_USES;
  if (scratchUses % LOOK_EVERY === 0) isMostlyWide = isWide(text);
  if (length <= SHORT_MIXED) return encode(scratch, text, MOST_BYTES * length, UTF8);
  return hasFastWrite && !isMostlyWide
    ? writeUtf8(scratch, text, 0, MOST_BYTES * length)
    : encodeInto(text, scratch).written;
}

/** Encodes into the scratch and copies. What is left there the next text overwrites; it is for arenas that do not mind. */
function takeEncoded(front: Front, text: string, owner: number): Buffer {
  const bytes = encodeIntoScratch(text);
  const use = scratchUses;
  isMostlyAscii = bytes === text.length;
  const source = bytes < KEPT_SOURCES ? (sources[bytes] ??= sourceOf(bytes)) : sourceOf(bytes);
  const view = front.alloc(bytes, owner);
  try {
    // A program may have put a getter on a view that is recycled, and that may have asked for a text of its own.
    if (scratchUses !== use) encodeIntoScratch(text);
    if (bytes > SHORT_COPY) setBytes(view, source);
    else for (let at = 0; at < bytes; at++) view[at] = source[at]!;
  } catch (error) {
    giveUp(front, view);
    throw error;
  }
  return view;
}

/** The first bytes of the scratch. */
function sourceOf(bytes: number): Uint8Array {
  return new Uint8Array(memory!, 0, bytes);
}

/** The low byte of each character. */
function takeShortBytes(front: Front, text: string, owner: number): Buffer {
  const { length } = text;
  const view = front.alloc(length, owner);
  for (let at = 0; at < length; at++) view[at] = text.charCodeAt(at);
  return view;
}

function takeShortUtf16(front: Front, text: string, owner: number): Buffer {
  const { length } = text;
  const view = front.alloc(2 * length, owner);
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    view[2 * at] = code;
    view[2 * at + 1] = code >> 8;
  }
  return view;
}

function takeShortHex(front: Front, text: string, owner: number): Buffer | undefined {
  const bytes = text.length >>> 1;
  const view = front.alloc(bytes, owner);
  let at = 0;
  for (; at < bytes; at++) {
    const first = text.charCodeAt(2 * at);
    const second = text.charCodeAt(2 * at + 1);
    if ((first | second) > 127) break;
    const high = HEX_DIGITS[first]!;
    const low = HEX_DIGITS[second]!;
    if ((high | low) === NO_DIGIT) break;
    view[at] = (high << 4) | low;
  }
  if (at === bytes) return view;
  front.takeBack(view);
  return undefined;
}

/** Four digits are three bytes. */
function takeShortBase64(front: Front, text: string, owner: number): Buffer | undefined {
  const bytes = base64Length(text);
  const view = front.alloc(bytes, owner);
  let at = 0;
  let to = 0;
  for (; to + 3 <= bytes; to += 3, at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    if ((a | b | c | d) > 127) break;
    const first = BASE64_DIGITS[a]!;
    const second = BASE64_DIGITS[b]!;
    const third = BASE64_DIGITS[c]!;
    const fourth = BASE64_DIGITS[d]!;
    if ((first | second | third | fourth) > 63) break;
    view[to] = (first << 2) | (second >> 4);
    view[to + 1] = (second << 4) | (third >> 2);
    view[to + 2] = (third << 6) | fourth;
  }
  if (to === bytes || (to + 3 > bytes && writeLastBase64(view, text, at, to))) return view;
  front.takeBack(view);
  return undefined;
}

/** The last one or two bytes. false: a digit of them is none. */
function writeLastBase64(view: Buffer, text: string, at: number, to: number): boolean {
  const hasTwo = base64Length(text) - to === 2;
  const first = base64Digit(text, at);
  const second = base64Digit(text, at + 1);
  const third = hasTwo ? base64Digit(text, at + 2) : 0;
  if ((first | second | third) > 63) return false;
  view[to] = (first << 2) | (second >> 4);
  if (hasTwo) view[to + 1] = (second << 4) | (third >> 2);
  return true;
}

function base64Digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code > 127 ? NO_DIGIT : BASE64_DIGITS[code]!;
}
