// prebuilds/manifest.json says what the committed addons were built from, by what, and what runs on
// them. The loader and `doctor --verify` compare it with the addons, tests with the sources too.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { identityIn } from '../../build/native-identity.cjs';

const MANIFEST = 'prebuilds/manifest.json';

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** What the manifest says of an addon with these bytes. */
export function entryOf(data, toolchain, tested) {
  const { version, source } = identityIn(data);
  return { version, source, bytes: data.length, sha256: sha256(data), toolchain, tested };
}

export function readManifest(root) {
  return JSON.parse(readFileSync(join(root, MANIFEST), 'utf8'));
}

export async function writeManifest(root, manifest) {
  const text = await format(JSON.stringify(manifest), { parser: 'json', printWidth: 100 });
  writeFileSync(join(root, MANIFEST), text);
}
