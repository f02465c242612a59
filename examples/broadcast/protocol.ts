// What travels. A wish: number and length of an update, both 32 bits. An update: its number, and then
// the bytes that belong to it.

export const MAX_UPDATE_BYTES = 16 * 1024;
export const HEADER_BYTES = 4;

export interface Wish {
  number: number;
  bytes: number;
}

export function makeWish({ number, bytes }: Wish): Buffer {
  const wish = Buffer.alloc(8);
  wish.writeUInt32LE(number, 0);
  wish.writeUInt32LE(bytes, 4);
  return wish;
}

/** @throws {RangeError} too short, or asks for too much or too little. */
export function readWish(wish: Buffer): Wish {
  const bytes = wish.readUInt32LE(4);
  if (bytes < HEADER_BYTES || bytes > MAX_UPDATE_BYTES) throw new RangeError(`${bytes} bytes?`);
  return { number: wish.readUInt32LE(0), bytes };
}

export function writeHeader(update: Buffer, number: number): void {
  update.writeUInt32LE(number, 0);
}

export function readHeader(update: Buffer): number {
  return update.readUInt32LE(0);
}
