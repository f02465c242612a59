// The platforms of the README: what the binaries need, and what `npm run test:install` has run them on. That
// keeps a record, test/install/record.json; nothing else says where the package was tried.
//
//   node tools/docs/platforms.mjs     writes the record into README.md and prebuilds/README.md

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { isProgram } from '../build/recipe.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BEGIN = '<!-- platforms: written by `npm run test:install -- --record` -->';
const END = '<!-- end of platforms -->';

/** What no test can say, by the name of a row of the record. */
const PLATFORMS = {
  'linux-x64-glibc': { name: 'Linux x64, glibc', needs: 'glibc 2.28, as Node does', how: '' },
  'linux-arm64-glibc': {
    name: 'Linux arm64, glibc',
    needs: 'glibc 2.28',
    how: ' for arm64, under qemu; not on a real machine',
  },
  'linux-x64-musl': {
    name: 'Linux x64, musl',
    needs: 'musl',
    how: ' for musl, on Debian; not on Alpine, not in Node',
  },
  'win32-x64': {
    name: 'Windows x64',
    needs: 'Windows 10',
    how: ' for Windows, under Wine; not on Windows',
  },
};

/** Programs and their versions, as "Node 20.1.0 and 22.1.0, Deno 2.1.0". */
function listed(programs) {
  return Object.entries(programs)
    .map(([name, versions]) => `${name} ${versions.join(', ').replace(/, ([^,]*)$/, ' and $1')}`)
    .join('; ');
}

/** What stands between the marks, for a record. */
export function platformsText({ platforms, managers, bundlers }) {
  const rows = Object.entries(PLATFORMS).map(([key, { name, needs, how }]) => {
    return `| ${name} | ${needs} | ${listed(platforms[key] ?? { nothing: [''] })}${how} |`;
  });
  const table = ['| platform | needs | tried on |', '|---|---|---|', ...rows].join('\n');
  return `${table}\n\nAdded, without a compiler, by ${listed(managers)}.\nBundled by ${listed(bundlers)}.`;
}

/** A page with what is between its marks replaced; as it is where that is right already. */
export function withPlatforms(page, record) {
  const [before, rest] = page.split(BEGIN);
  const [, after] = (rest ?? '').split(END);
  if (after === undefined) throw new Error(`there is no ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${platformsText(record)}\n\n${END}${after}`;
}

export const PAGES = ['README.md', 'prebuilds/README.md'];
export const readRecord = () =>
  JSON.parse(readFileSync(join(ROOT, 'test/install/record.json'), 'utf8'));

export async function writeRecord(record) {
  const file = join(ROOT, 'test/install/record.json');
  const options = { ...(await resolveConfig(file)), parser: 'json' };
  writeFileSync(file, await format(JSON.stringify(record), options));
}

export function writePages() {
  for (const name of PAGES) {
    const file = join(ROOT, name);
    writeFileSync(file, withPlatforms(readFileSync(file, 'utf8'), readRecord()));
  }
}

if (isProgram(import.meta.url)) writePages();
