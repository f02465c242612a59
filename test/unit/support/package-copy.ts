/**
 * Package copy: the built package in a folder of its own, with whatever addon a test puts there.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT, type ChildOptions, resultOf } from './child';

/** Where node-gyp-build looks first. */
export const LOCAL = 'build/Release/hakmem_arena.node';

const loader = createRequire(__filename)('node-gyp-build') as { path: (root: string) => string };

/** The addon that the tests run on. */
export const ADDON = readFileSync(loader.path(PACKAGE_ROOT));

/** What it says of itself. */
export const LINE = /hakmem-arena \S+ [0-9a-f]{64}/.exec(ADDON.toString('latin1'))![0];
export const SOURCE = LINE.split(' ')[2]!;

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** The addon with a text in it replaced by one of the same length. */
export function addonWith(text: string, other: string): Buffer {
  if (text.length !== other.length) throw new Error('another length');
  const at = ADDON.indexOf(text, 0, 'latin1');
  if (at < 0) throw new Error(`the addon has no "${text}"`);
  const copy = Buffer.from(ADDON);
  copy.write(other, at, 'latin1');
  return copy;
}

/** What loading the package of a copy came to. */
export interface Loaded {
  readonly code?: string;
  readonly message?: string;
  readonly cause?: string;
}

export class PackageCopy {
  readonly root = mkdtempSync(join(tmpdir(), 'hakmem-copy-'));

  /** As it is installed: no addon at all, and the sources that the tests' own addon was built from. */
  constructor() {
    const files = [
      'dist',
      'csrc',
      'binding.gyp',
      'package.json',
      'tools/build/native-identity.cjs',
      'tools/build/recipe.mjs',
    ];
    for (const file of files) {
      cpSync(join(PACKAGE_ROOT, file), join(this.root, file), { recursive: true });
    }
    symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(this.root, 'node_modules'));
    this.writeManifest({});
  }

  write(file: string, data: Buffer | string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), data);
  }

  edit(file: string, change: (text: string) => string): void {
    this.write(file, change(readFileSync(join(this.root, file), 'utf8')));
  }

  remove(file: string): void {
    rmSync(join(this.root, file), { recursive: true });
  }

  /** Puts addons under prebuilds/ and a manifest that describes them. */
  writeManifest(addons: Readonly<Record<string, Buffer>>): void {
    const files = Object.entries(addons).map(([name, data]) => {
      this.write(join('prebuilds', name), data);
      return [name, { source: SOURCE, sha256: sha256(data) }];
    });
    const manifest = { files: Object.fromEntries(files) as unknown };
    this.write('prebuilds/manifest.json', JSON.stringify(manifest));
  }

  /** Loads the package in a process of its own and allocates. */
  load(env: ChildOptions['env'] = {}, cwd = PACKAGE_ROOT): Promise<Loaded> {
    const script = `
      try {
        const { Arena } = require(${JSON.stringify(this.root)});
        const arena = new Arena();
        arena.free(arena.alloc(100));
        arena.destroy();
        console.log('{}');
      } catch ({ code, message, cause }) {
        console.log(JSON.stringify({ code, message, cause: String(cause) }));
      }`;
    // These are about the addon, whatever backend the other tests have.
    return resultOf<Loaded>(script, { env: { HAKMEM_BACKEND: '', ...env }, cwd });
  }

  delete(): void {
    rmSync(this.root, { recursive: true });
  }
}
