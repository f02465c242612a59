// prebuilds/manifest.json says what the committed addons were built from, by what, and what runs on
// them. Tests compare it with the sources and the files.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { format } from 'prettier';
import { filesUnder } from '../native-sources.mjs';

const MANIFEST = 'prebuilds/manifest.json';

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/**
 * Hash over everything that a build reads of the repository: csrc/ and binding.gyp, by path, whatever
 * the line endings of the checkout and the blanks at the end of lines; and the version of the headers.
 */
export function sourceHash(root) {
  const sources = filesUnder('csrc', root).filter((file) => /\.(c|cc|h)$/.test(file));
  const hash = createHash('sha256');
  for (const file of ['binding.gyp', ...sources]) {
    const text = readFileSync(join(root, file), 'utf8').replace(/[ \t\r]+$/gm, '');
    hash.update(`${file}\0${text}\0`);
  }
  const headers = createRequire(join(root, 'package.json'))('node-addon-api/package.json');
  return hash.update(headers.version).digest('hex');
}

export function readManifest(root) {
  return JSON.parse(readFileSync(join(root, MANIFEST), 'utf8'));
}

export async function writeManifest(root, manifest) {
  const text = await format(JSON.stringify(manifest), { parser: 'json', printWidth: 100 });
  writeFileSync(join(root, MANIFEST), text);
}
