// The folder that is served: text files of 1 KB to 256 KB, and an empty one. Both ends know their contents.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pattern } from '../support/pattern';
import { logUniform } from '../support/random';

const FILES = 127;
const MAX_FILE_BYTES = 256 * 1024;

export interface TextFile {
  name: string;
  text: string;
}

/** @returns all files. Their text is ASCII: autocannon hands out bodies as strings. */
export function textFiles(): TextFile[] {
  const pattern = new Pattern(MAX_FILE_BYTES);
  const sizes = logUniform(1, FILES, 1024, MAX_FILE_BYTES);
  const files = Array.from(sizes, (bytes, number) => {
    const text = pattern.slice(number, bytes).toString('base64').slice(0, bytes);
    return { name: `${number}.txt`, text };
  });
  return [...files, { name: 'empty.txt', text: '' }];
}

export function writeFiles(folder: string): void {
  for (const { name, text } of textFiles()) writeFileSync(join(folder, name), text);
}
