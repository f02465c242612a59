import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { adviceFor, loaderVariables } from '../../../lib/native/advice';
import { PACKAGE_ROOT } from '../support/child';
import {
  ADDON,
  LINE,
  LOCAL,
  type Loaded,
  PackageCopy,
  SOURCE,
  addonWith,
} from '../support/package-copy';

const HERE = `${process.platform}-${process.arch}/hakmem-arena.node`;
const OTHER_SOURCE = LINE.replace(SOURCE, 'f'.repeat(64));

let copy: PackageCopy;
beforeEach(() => {
  copy = new PackageCopy();
});
afterEach(() => {
  copy.delete();
});

function expectRefused(loaded: Loaded, ...texts: readonly string[]): void {
  expect(loaded.code).toBe('ERR_HAKMEM_NATIVE_LOAD');
  for (const text of texts) expect(loaded.message).toContain(text);
}

describe('a local build', () => {
  test('of the sources that are there is loaded', async () => {
    copy.write(LOCAL, ADDON);
    expect(await copy.load()).toEqual({});
  });

  test('stays good when line endings change', async () => {
    copy.write(LOCAL, ADDON);
    copy.edit('csrc/os/os.c', (text) => text.replaceAll('\n', ' \r\n'));
    expect(await copy.load()).toEqual({});
  });

  test('is refused once a source has changed, with the way to build it again', async () => {
    copy.write(LOCAL, ADDON);
    copy.edit('csrc/os/os.c', (text) => `${text}int more;\n`);
    const rebuild = 'npx hakmem-arena build';
    expectRefused(await copy.load(), 'built from other sources', rebuild, 'hakmem_arena.node');
    copy.write('tools/build/native.mjs', '');
    expectRefused(await copy.load(), 'npm run build:native');
  });

  test('is refused once a source has changed, also when the manifest knows the build', async () => {
    copy.writeManifest({ 'plan9-x64/hakmem-arena.node': ADDON });
    copy.write(LOCAL, ADDON);
    expect(await copy.load()).toEqual({});
    copy.edit('csrc/os/os.c', (text) => `${text}int more;\n`);
    const soon = new Date(Date.now() + 10_000);
    utimesSync(join(copy.root, 'csrc/os/os.c'), soon, soon);
    expectRefused(await copy.load(), 'built from other sources');
  });

  test('of other sources is refused, however new the file', async () => {
    copy.write(LOCAL, addonWith(LINE, OTHER_SOURCE));
    expectRefused(await copy.load(), 'built from other sources');
  });

  test('is measured by the manifest where the sources were left out', async () => {
    copy.writeManifest({ 'plan9-x64/hakmem-arena.node': ADDON });
    copy.remove('csrc');
    copy.write(LOCAL, ADDON);
    expect(await copy.load()).toEqual({});
    copy.write(LOCAL, addonWith(LINE, OTHER_SOURCE));
    expectRefused(await copy.load(), 'built from other sources');
  });
});

describe('an addon that is not the one of this package', () => {
  test('of another version is refused with both versions', async () => {
    copy.write(LOCAL, ADDON);
    copy.edit('dist/base/version.js', (text) => text.replace(/'\d.*'/, "'97.0.1'"));
    expectRefused(await copy.load(), `is of version ${LINE.split(' ')[1]!}`, 'of version 97.0.1');
  });

  test('that says nothing of itself is refused', async () => {
    copy.write(LOCAL, addonWith('hakmem-arena ', 'something els'));
    expectRefused(await copy.load(), "it is another package's, or of a build before this version");
  });

  test('is not loaded to find that out', async () => {
    copy.write(LOCAL, 'nothing that could be loaded');
    expectRefused(await copy.load(), "it is another package's");
  });

  // jest brings an addon of its own along, in a package for each platform.
  const others = [
    'linux-x64-gnu',
    'linux-arm64-gnu',
    'darwin-arm64',
    'darwin-x64',
    'win32-x64-msvc',
  ]
    .map((platform) => `@unrs/resolver-binding-${platform}`)
    .flatMap((name) => {
      try {
        return [createRequire(__filename).resolve(name)];
      } catch {
        return [];
      }
    });
  (others.length === 0 ? test.skip : test)('of another package is refused', async () => {
    copy.write(LOCAL, readFileSync(others[0]!));
    expectRefused(await copy.load(), "it is another package's");
  });

  test('that lacks entries is refused and they are named', async () => {
    copy.write(LOCAL, addonWith('nextRetirable\0', 'nextRetirabla\0'));
    expectRefused(await copy.load(), 'it lacks nextRetirable');
  });

  test('is refused under prebuilds/ when the manifest names other sources for it', async () => {
    copy.writeManifest({ [HERE]: ADDON });
    expect(await copy.load()).toEqual({});
    copy.write(join('prebuilds', HERE), addonWith(LINE, OTHER_SOURCE));
    expectRefused(await copy.load(), 'built from other sources', 'install hakmem-arena again');
  });
});

describe('what cannot be compared does not keep an addon from loading', () => {
  test('without manifest and sources', async () => {
    copy.write(join('prebuilds', HERE), ADDON);
    copy.remove('prebuilds/manifest.json');
    copy.remove('csrc');
    expect(await copy.load()).toEqual({});
  });

  test('with a manifest that is none', async () => {
    copy.write(LOCAL, ADDON);
    for (const text of ['', 'null', '[]', '{"files":null}', '{"files":{"a":null,"b":5,"c":{}}}']) {
      copy.write('prebuilds/manifest.json', text);
      expect(await copy.load()).toEqual({});
    }
  });

  test('in a bundle, where package.json is that of the program', async () => {
    copy.write(LOCAL, ADDON);
    copy.write(
      'package.json',
      '{ "name": "service", "version": "5.0.0", "main": "dist/index.js" }',
    );
    expect(await copy.load()).toEqual({});
  });
});

describe('HAKMEM_ARENA_PREBUILD', () => {
  const elsewhere = (): string => join(copy.root, 'elsewhere');

  test('loads a build of the same sources from another folder', async () => {
    copy.write(join('elsewhere', LOCAL), ADDON);
    expect(await copy.load({ HAKMEM_ARENA_PREBUILD: elsewhere() })).toEqual({});
  });

  test('may be relative to the working directory', async () => {
    copy.write(join('elsewhere', LOCAL), ADDON);
    expect(await copy.load({ HAKMEM_ARENA_PREBUILD: 'elsewhere' }, copy.root)).toEqual({});
  });

  test('is named when what it leads to is wrong, or nothing', async () => {
    copy.write(LOCAL, ADDON);
    const env = { HAKMEM_ARENA_PREBUILD: elsewhere() };
    const named = `HAKMEM_ARENA_PREBUILD=${elsewhere()}`;
    expectRefused(await copy.load(env), 'there is no binary', named);
    copy.write(join('elsewhere', LOCAL), addonWith(LINE, OTHER_SOURCE));
    expectRefused(await copy.load(env), 'built from other sources', 'take it away', named);
  });
});

describe('advice', () => {
  const thrower = new Proxy(Error('x'), {
    get: () => {
      throw new Error('no');
    },
  });

  test.each([
    [null],
    [undefined],
    [0],
    ['text'],
    [Symbol('s')],
    [{ code: 5, message: 7 }],
    [thrower],
  ])('is given for whatever was thrown: %#', (thrown) => {
    for (const root of [PACKAGE_ROOT, '/nowhere', '', '\0']) {
      expect(adviceFor(thrown, root)).not.toBe('');
    }
  });
});

describe('variables of the loader', () => {
  const before = { ...process.env };
  afterEach(() => {
    process.env = { ...before };
  });

  test('are none in a usual environment, and none when set to what is so anyway', () => {
    for (const name of ['HAKMEM_ARENA_PREBUILD', 'PREBUILDS_ONLY', 'LIBC']) {
      Reflect.deleteProperty(process.env, name);
    }
    process.env['npm_config_arch'] = process.arch;
    process.env['npm_config_platform'] = process.platform;
    expect(loaderVariables(copy.root)).toEqual([]);
    process.env['PREBUILDS_ONLY'] = '1';
    expect(loaderVariables(copy.root)).toEqual([]);
  });

  test('are named when they make a difference', () => {
    copy.write(LOCAL, ADDON);
    const env = {
      PREBUILDS_ONLY: '0',
      npm_config_platform: 'plan9',
      npm_config_arch: 'mips',
      LIBC: 'x',
    };
    Object.assign(process.env, env);
    expect(loaderVariables(copy.root).map(({ name }) => name)).toEqual(Object.keys(env));
  });
});
