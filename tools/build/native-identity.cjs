// Identity: one line in every addon that says of which package, version and sources it was built. The
// build writes it (binding.gyp), the loader compares it (lib/native/identity.ts), and as the line can be
// read without loading the file, so do scripts, in addons for whatever machine.
//
//   node tools/build/native-identity.cjs FILE    writes the header with the line, for csrc/binding/identity.cc
//   node tools/build/native-identity.cjs         prints every file that the line depends on

const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const ROOT = dirname(dirname(__dirname));
const LINE = /hakmem-arena (\d[\w.+-]*) ([0-9a-f]{64})/;

/** Everything under `folder` of the repository, sorted, as paths with forward slashes. */
function filesUnder(folder, root = ROOT) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .sort();
}

/** Everything of the repository that a build is made of. */
function hashedFiles(root = ROOT) {
  const sources = filesUnder('csrc', root).filter((file) => /\.(c|cc|h)$/.test(file));
  return ['binding.gyp', 'tools/build/recipe.mjs', ...sources];
}

/** Where such a file lies: in a published package binding.gyp is under vendor/ (tools/release/vendor.mjs). */
function placeOf(file, root) {
  const isMoved = file === 'binding.gyp' && !existsSync(join(root, file));
  return isMoved ? join(root, 'vendor', file) : join(root, file);
}

/** Hash over them by path, whatever the line endings of the checkout and the blanks at the end of lines. */
function sourceHash(root = ROOT) {
  const hash = createHash('sha256');
  for (const file of hashedFiles(root)) {
    const text = readFileSync(placeOf(file, root), 'utf8').replace(/[ \t\r]+$/gm, '');
    hash.update(`${file}\0${text}\0`);
  }
  return hash.digest('hex');
}

/** What an addon built from the files at `root` says of itself. */
function identityLine(root = ROOT) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return `hakmem-arena ${version} ${sourceHash(root)}`;
}

/** The line in the bytes of an addon, taken apart; undefined: there is none. */
function identityIn(bytes) {
  const [line, version, source] = LINE.exec(bytes.toString('latin1')) ?? [];
  return line === undefined ? undefined : { line, version, source };
}

function writeHeader(file, root = ROOT) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#define HK_IDENTITY "${identityLine(root)}"\n`);
}

module.exports = { filesUnder, hashedFiles, identityIn, identityLine, sourceHash, writeHeader };

if (require.main === module) {
  const [file] = process.argv.slice(2);
  if (file !== undefined) writeHeader(file);
  else console.log([...hashedFiles(), 'package.json'].join('\n'));
}
