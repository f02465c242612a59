// What the pages say of platforms is what the installation tests have recorded.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PAGES, readRecord, withPlatforms } from '../../tools/docs/platforms.mjs';
import { MAJORS } from '../../tools/test/nodes.mjs';
import { readNotes, unproven } from '../../tools/test/record.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

for (const name of PAGES) {
  test(`${name} says what was recorded, and nothing else`, () => {
    const page = readFileSync(join(ROOT, name), 'utf8');
    const message = 'node tools/docs/platforms.mjs writes it';
    assert.ok(page === withPlatforms(page, readRecord()), message);
    assert.notEqual(page, page.replace(/Node \d+\.\d+\.\d+/, 'Node 97.0.0'), 'names no version');
  });
}

test('every supported line of Node was tried on Linux', () => {
  const { platforms } = readRecord();
  for (const name of ['linux-x64-glibc', 'linux-arm64-glibc']) {
    assert.deepEqual(
      platforms[name].Node.map((version) => Number(version.split('.')[0])),
      MAJORS,
    );
  }
});

test('what a run has not shown is named, a newer version of it is as good', () => {
  const folder = mkdtempSync(join(tmpdir(), 'notes-'));
  try {
    const notes = join(folder, 'notes');
    const lines = [
      ['platforms', 'linux-x64-glibc', 'Node', '24.9.0'],
      ['platforms', 'linux-x64-glibc', 'Node', '20.20.2'],
      ['platforms', 'linux-x64-glibc', 'Node', '24.21.0'],
      ['managers', 'npm', '11.2.0'],
    ];
    writeFileSync(notes, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const run = readNotes(notes);
    assert.deepEqual(run, {
      platforms: { 'linux-x64-glibc': { Node: ['20.20.2', '24.9.0', '24.21.0'] } },
      managers: { npm: ['11.2.0'] },
      bundlers: {},
    });
    const record = {
      platforms: {
        'linux-x64-glibc': { Node: ['20.1.0', '22.1.0'] },
        'win32-x64': { Node: ['20.1.0'] },
      },
      managers: { npm: ['11.1.0'], pnpm: ['12.0.0'] },
      bundlers: {},
    };
    assert.deepEqual(unproven(record, run), [
      'platforms linux-x64-glibc Node 22',
      'managers pnpm 12',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
