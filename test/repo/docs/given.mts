// What examples in comments and pages may use without saying where it comes from.

import { createHash } from 'node:crypto';
import { createWriteStream, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { devNull } from 'node:os';
import { Arena, type View } from 'hakmem-arena';

export const arena = new Arena({ name: 'given' });

/** Open for reading and writing, with enough to read for any example. */
export const file = await open(new URL('./given.bin', import.meta.url), 'w+');
await file.write(Buffer.alloc(64 * 1024, 'x'), 0, 64 * 1024, 0);

/** A file descriptor that takes everything. */
export const fd = openSync(devNull, 'w');

/** A stream that takes everything, where a service has a socket. */
export const socket = createWriteStream(devNull);

export const logger = { warn: (...values: unknown[]): void => console.error(...values) };

/** What a service does with a view: here it looks at the first byte. */
export function handle(view: View): number {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)[0] ?? 0;
}

export function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
