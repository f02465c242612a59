// The input: one file, or all regular files of a folder, as one piece of memory.

import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';

/** Something about the input that whoever started the demo can put right. */
export class InputError extends Error {}

export interface Input {
  files: string[];
  bytes: number;
}

/**
 * Looks at a file or folder without reading it. In folders, links and special files are skipped.
 *
 * @throws {InputError} nothing there, nothing in it, or not readable.
 */
export function surveyInput(path: string): Input {
  const files = explain(path, () => listFiles(path));
  const bytes = files.reduce((sum, file) => sum + explain(file, () => readableBytes(file)), 0);
  if (bytes === 0) throw new InputError(`nothing to send: ${path} holds no data`);
  return { files, bytes };
}

/**
 * Reads the first `limit` bytes of the input. Behind them, the beginning is repeated for `overlap`
 * bytes, so that a frame may begin at any byte and still be in one piece.
 *
 * @returns memory of the input's length plus `overlap`.
 */
export function loadInput(input: Input, limit: number, overlap: number): Buffer {
  const length = Math.min(input.bytes, limit);
  const memory = Buffer.allocUnsafeSlow(length + overlap);
  let fill = 0;
  for (const file of input.files) {
    fill += explain(file, () => readInto(memory.subarray(fill, length), file));
  }
  if (fill < length) throw new InputError('the input became shorter while it was read');
  for (let at = length; at < memory.length; at += length) memory.copy(memory, at, 0, length);
  return memory;
}

function listFiles(path: string): string[] {
  const stat = statSync(path);
  if (stat.isFile()) return [path];
  if (!stat.isDirectory()) throw new InputError(`neither a file nor a folder: ${path}`);
  return filesUnder(path);
}

/** In the order of their names, so that every run sends the same bytes. */
function filesUnder(folder: string): string[] {
  const entries = explain(folder, () => readdirSync(folder, { withFileTypes: true }));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return entry.isFile() ? [path] : [];
  });
}

function readableBytes(file: string): number {
  accessSync(file, constants.R_OK);
  return statSync(file).size;
}

/** @returns bytes read: as many as there are and `target` has room for. */
function readInto(target: Buffer, file: string): number {
  const descriptor = openSync(file, 'r');
  try {
    let fill = 0;
    for (let read = -1; read !== 0 && fill < target.length; fill += read) {
      read = readSync(descriptor, target, fill, target.length - fill, null);
    }
    return fill;
  } finally {
    closeSync(descriptor);
  }
}

/** Turns the errors of the file system into one line that names the path. */
function explain<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new InputError(`no such file or folder: ${path}`);
    throw new InputError(`cannot read ${path} (${code ?? String(error)})`);
  }
}
