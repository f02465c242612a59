/**
 * Native advice: what to do when the addon does not load. Imports nothing of the package.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const NODE_API_NEEDED = 9;
const REBUILD =
  '`npm rebuild hakmem-arena` builds one; that takes a C and a C++ compiler, make and Python';

/** Platforms that a prebuilt binary came with, as "linux-x64, win32-x64". */
function prebuiltPlatforms(root: string): string {
  try {
    const folders = readdirSync(join(root, 'prebuilds'), { withFileTypes: true });
    const names = folders.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    return names.sort().join(', ') || 'none';
  } catch {
    return 'none';
  }
}

/** What kept the addon of the package at `root` from loading, and what to do about it. */
export function adviceFor(error: unknown, root: string): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const here = `${process.platform}-${process.arch}`;
  if (code === 'ERR_DLOPEN_DISABLED') {
    return 'Node runs with --permission (or --no-addons); allow native addons with --allow-addons';
  }
  if (Number(process.versions['napi']) < NODE_API_NEEDED) {
    return `Node ${process.version} is too old: Node-API ${NODE_API_NEEDED} is needed, Node 20 has it`;
  }
  if (!existsSync(join(root, 'package.json'))) {
    return (
      'its files are not where they were installed: when bundling, leave hakmem-arena out of the ' +
      'bundle (mark it as external) and ship it in node_modules'
    );
  }
  if (typeof message === 'string' && message.startsWith('No native build was found')) {
    return (
      `there is no binary for ${here} (prebuilt ones: ${prebuiltPlatforms(root)}), and installing ` +
      `built none; ${REBUILD}`
    );
  }
  return (
    `there is a binary, but Node ${process.version} on this ${here} machine cannot load it; was ` +
    `node_modules made on another machine, or for another C library? ${REBUILD}`
  );
}
