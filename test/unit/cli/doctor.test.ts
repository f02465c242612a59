import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { type ChildOptions, type ChildResult, run } from '../support/child';
import { ADDON, LINE, LOCAL, PackageCopy, SOURCE, addonWith } from '../support/package-copy';

const HERE = `${process.platform}-${process.arch}/hakmem-arena.node`;
const PLAN9 = 'plan9-mips/hakmem-arena.node';

let copy: PackageCopy;
beforeEach(() => {
  copy = new PackageCopy();
  copy.writeManifest({ [HERE]: ADDON, [PLAN9]: Buffer.from('for another machine') });
});
afterEach(() => {
  copy.delete();
});

function doctor(env: ChildOptions['env'] = {}): Promise<ChildResult> {
  const main = join(copy.root, 'dist', 'cli', 'main.js');
  return run(process.execPath, [main, 'doctor', '--verify'], {
    env: { HAKMEM_BACKEND: '', ...env },
  });
}

/** The lines of the report that are about `name`, and the one below each. */
function about(name: string, { stdout }: ChildResult): string {
  const lines = stdout.split('\n');
  return lines.filter((line, i) => [line, lines[i - 1] ?? ''].some((it) => it.slice(5).startsWith(name))).join('\n'); // prettier-ignore
}

describe('doctor --verify', () => {
  test('finds the prebuilt binaries as they were published', async () => {
    const result = await doctor();
    for (const name of [HERE, PLAN9]) expect(about(name, result)).toMatch(/^ok .*as published/);
    expect(about('sources', result)).toMatch(/^ok .*those of the prebuilt binaries/);
  });

  test.each([HERE, PLAN9])('reports one changed byte of %s', async (name) => {
    const data = name === HERE ? Buffer.from(ADDON) : Buffer.from('for another machina');
    data[data.length - 1]! ^= 1;
    copy.write(join('prebuilds', name), data);
    const result = await doctor();
    expect(result.exitCode).toBe(1);
    expect(about(name, result)).toMatch(/^BAD .*\n.*another file than the one that was published/);
  });

  test('reports a binary that did not come with the package', async () => {
    copy.write('prebuilds/beos-x64/hakmem-arena.node', 'from somewhere');
    const result = await doctor();
    expect(result.exitCode).toBe(1);
    expect(about('beos-x64', result)).toMatch(/^BAD .*\n.*did not come with this package/);
  });

  test('says of a local build that it is one, of the sources that are here', async () => {
    copy.write(LOCAL, Buffer.concat([ADDON, Buffer.from('local')]));
    const result = await doctor();
    expect(about('binary', result)).toContain('a local build');
    expect(about('local build', result)).toMatch(/^ok .*never published, of the sources in csrc/);
  });

  test('says of a local build that it is of other sources, and that csrc/ has changed', async () => {
    copy.write(LOCAL, addonWith(LINE, LINE.replace(SOURCE, 'e'.repeat(64))));
    copy.edit('csrc/os/os.c', (text) => `${text}int more;\n`);
    const result = await doctor();
    expect(result.exitCode).toBe(1);
    expect(about('local build', result)).toMatch(
      /^BAD .*\n.*of sources e{64}, not of those in csrc/,
    );
    expect(about('sources', result)).toMatch(/^BAD .*\n.*csrc\/ was changed/);
  });

  test('says of a local build that it does not say what it was built from', async () => {
    copy.write(LOCAL, addonWith('hakmem-arena ', 'something els'));
    const result = await doctor();
    expect(result.exitCode).toBe(1);
    expect(about('local build', result)).toMatch(/^BAD .*\n.*does not say what it was built from/);
  });

  test('recognises a published binary at another place', async () => {
    copy.write(join('elsewhere', LOCAL), ADDON);
    const result = await doctor({ HAKMEM_ARENA_PREBUILD: join(copy.root, 'elsewhere') });
    expect(about('binary loaded', result)).toContain(`as published for ${HERE}`);
    expect(about('HAKMEM_ARENA_PREBUILD', result)).toContain('looked for in that folder only');
  });

  test('has nothing to compare with where there is no manifest', async () => {
    copy.remove('prebuilds/manifest.json');
    const result = await doctor();
    expect(result.exitCode).toBe(1);
    expect(about('manifest', result)).toMatch(/^BAD /);
  });

  test('names PREBUILDS_ONLY when it hides a local build', async () => {
    copy.write(LOCAL, ADDON);
    const result = await doctor({ PREBUILDS_ONLY: '0' });
    expect(about('PREBUILDS_ONLY', result)).toContain('local build passed over');
    expect(about('binary', result)).toContain('prebuilt');
  });
});
