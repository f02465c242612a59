// The one list of C and C++ sources: binding.gyp and the C test runner both take it from here.
// Run as a program, prints every source of the addon for this platform, one per line.

import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { filesUnder } from './native-identity.cjs';

export { filesUnder };

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The allocator itself, C only, without the files of the other operating system. */
export function coreSources(root = ROOT, platform = process.platform) {
  const otherOs = platform === 'win32' ? '_unix.c' : '_windows.c';
  return filesUnder('csrc', root).filter(
    (file) => file.endsWith('.c') && !file.endsWith(otherOs) && !file.startsWith('csrc/binding/'),
  );
}

/** Everything that goes into the addon. */
export function addonSources(root = ROOT, platform = process.platform) {
  const binding = filesUnder('csrc/binding', root).filter((file) => /\.(c|cc)$/.test(file));
  return [...coreSources(root, platform), ...binding];
}

/** Whether the module at `url` is what node was started with, through whatever links. */
export function isProgram(url) {
  const started = process.argv[1];
  return started !== undefined && url === pathToFileURL(realpathSync(started)).href;
}

if (isProgram(import.meta.url)) {
  console.log(addonSources().join('\n'));
}
