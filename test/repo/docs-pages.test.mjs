import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { pagesOf, parsePage, readPage, tableUnder } from '../../tools/docs/markdown.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const require = createRequire(import.meta.url);
const PAGES = pagesOf(ROOT).map((path) => ({ path, ...readPage(ROOT, path) }));
const README = PAGES.find(({ path }) => path === 'README.md');

const unquoted = (cell) => /^`([^`]*)`$/.exec(cell)?.[1] ?? cell;

/** Members of an interface in lib/, each with what its comment says is the default. */
function optionsIn(file, name) {
  const text = readFileSync(join(ROOT, 'lib', file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found = source.statements.find(
    (one) => ts.isInterfaceDeclaration(one) && one.name.text === name,
  );
  return new Map(
    found.members.map((member) => {
      const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
      return [member.name.text, tag && ts.getTextOfJSDocComment(tag.comment)];
    }),
  );
}

/** The options of the environment, as the core's own table has them. */
function environmentOptions() {
  const { native } = require(join(ROOT, 'dist', 'native', 'native.js'));
  return new Map(
    native.tables.options.map(({ name, choices, default: value }) => [
      name,
      choices === '' ? String(value) : choices.split('|')[value],
    ]),
  );
}

function assertSameOptions(heading, firstColumn, expected) {
  const rows = tableUnder(README, heading, firstColumn);
  const shown = rows.map(([name, byDefault]) => [unquoted(name), unquoted(byDefault)]);
  assert.deepEqual(new Map(shown), expected);
}

describe('README', () => {
  it('lists the options of an arena, with their defaults', () => {
    const expected = optionsIn('types.ts', 'ArenaOptions');
    assertSameOptions('Options', 'option of `new Arena()`', expected);
  });

  it('lists options that an arena takes, with defaults that it takes', () => {
    const { resolveOptions } = require(join(ROOT, 'dist', 'options.js'));
    const byDefault = resolveOptions({});
    for (const [name, text] of optionsIn('types.ts', 'ArenaOptions')) {
      assert.deepEqual(resolveOptions({ [name]: undefined }), byDefault, name);
      if (!/^('\w+'|\d+)$/.test(text)) continue;
      const value = text.startsWith("'") ? text.slice(1, -1) : Number(text);
      assert.deepEqual(resolveOptions({ [name]: value }), byDefault, `${name}: ${text}`);
    }
  });

  it('lists the variables of the environment, with their defaults', () => {
    assertSameOptions('Options', 'variable', environmentOptions());
  });

  it('lists the options of the monitor, with their defaults', () => {
    const expected = optionsIn(join('monitor', 'http', 'types.ts'), 'MonitorOptions');
    assertSameOptions('Monitoring', 'option of `createMonitor()`', expected);
  });

  it('lists every error code', () => {
    const { HAKMEM_ERRORS } = require(join(ROOT, 'dist', 'errors.js'));
    const codes = tableUnder(README, 'Errors', 'code').map(([code]) => unquoted(code));
    assert.deepEqual(codes, Object.keys(HAKMEM_ERRORS));
    const source = readFileSync(join(ROOT, 'lib', 'errors.ts'), 'utf8');
    const nodes = new Set(source.match(/(?<=')ERR_(?!HAKMEM)\w+(?=')/g));
    for (const code of nodes) assert.ok(README.text.includes(`\`${code}\``), code);
  });

  it('lists every call of an arena and of a scope', () => {
    const { Arena, Scope, ...functions } = require(join(ROOT, 'dist', 'index.js'));
    const table = tableUnder(README, 'API', 'call')
      .map(([call]) => call)
      .join(' ');
    const members = Object.getOwnPropertyNames(Arena.prototype).map((name) => `arena.${name}`);
    const names = Object.keys(functions).filter((name) => !/Error$/.test(name));
    assert.ok(members.length > 15 && names.length > 3);
    for (const name of [...members, ...names, 'arena.name', 'arena.id']) {
      if (name === 'arena.constructor') continue;
      assert.match(table, new RegExp(`\`${name}\\b`), `${name} is not in the table`);
    }
    for (const name of Object.getOwnPropertyNames(Scope.prototype)) {
      if (name === 'constructor' || name === 'takeOver') continue;
      assert.ok(README.text.includes(`scope.${name}`) || README.text.includes(`\`${name}\``), name);
    }
  });
});

describe('docs/MONITORING.md', () => {
  it('lists every metric, by both names', () => {
    const { METRICS } = require(join(ROOT, 'dist', 'monitor', 'metrics.js'));
    const page = PAGES.find(({ path }) => path === 'docs/MONITORING.md');
    const rows = tableUnder(page, 'Metrics', '`hakmem_arena_`');
    assert.deepEqual(
      rows.map(([name, otel]) => [unquoted(name), unquoted(otel)]),
      METRICS.map(({ name, otel }) => [name, otel ?? "the meter's version"]),
    );
    for (const [, , kind, labels] of rows) assert.ok(/counter|amount|level/.test(kind), labels);
  });
});

describe('pages', () => {
  it('link to files and headings that there are', () => {
    const broken = [];
    for (const { path, links, anchors } of PAGES) {
      for (const { href, line } of links) {
        if (/^[a-z]+:/.test(href)) continue;
        const [to, anchor] = href.split('#');
        const target = to === '' ? path : normalize(join(dirname(path), decodeURI(to)));
        const known = to === '' ? anchors : PAGES.find((page) => page.path === target)?.anchors;
        const isThere = target === path || existsSync(join(ROOT, target));
        const isKnown = anchor === undefined || known?.has(anchor);
        if (!isThere || !isKnown) broken.push(`${path}:${line}: ${href}`);
      }
    }
    assert.deepEqual(broken, []);
  });

  it('name only files that there are', () => {
    const FILE =
      /\b(?:bench|csrc|docs|examples|lib|test|tools)\/[\w./-]+\.(?:c|cc|h|cjs|mjs|ts|md)\b/g;
    for (const { path, text } of PAGES) {
      // What was measured or changed may have gone since.
      if (path === 'docs/BENCHMARKS.md' || path === 'CHANGELOG.md') continue;
      for (const [file] of text.matchAll(FILE)) {
        assert.ok(existsSync(join(ROOT, file)), `${path}: ${file}`);
      }
    }
  });

  it('name only scripts and commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const { path, text } of PAGES) {
      if (path === 'CHANGELOG.md') continue;
      for (const [, name] of text.matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)) {
        assert.ok(name in scripts, `${path}: npm run ${name}`);
      }
      for (const [, file] of text.matchAll(/\bnode ((?:tools|bench)\/[\w./-]+)/g)) {
        assert.ok(existsSync(join(ROOT, file)), `${path}: node ${file}`);
      }
    }
  });

  it('name only variables of the environment that there are', () => {
    const known = environmentOptions();
    for (const { path, text } of PAGES) {
      for (const [name] of text.matchAll(/\bHAKMEM_(?:SUPERSLAB|SS|TINY|FREE|THP|MAX)\w*/g)) {
        assert.ok(known.has(name), `${path}: ${name}`);
      }
    }
  });
});

describe('HAKMEM.md', () => {
  const page = PAGES.find(({ path }) => path === 'docs/HAKMEM.md');
  const FILE = /`((?:bench|csrc|lib|test)\/[\w./-]+)`/g;

  it('names for every mechanism a file where it lives, and the file is there', () => {
    for (const heading of ['Kept', 'Changed']) {
      const rows = tableUnder(page, heading, 'in HAKMEM');
      assert.ok(rows.length > 10, heading);
      for (const [mechanism, here, where] of rows) {
        const files = [...where.matchAll(FILE)].map(([, file]) => file);
        assert.ok(files.length > 0 && here !== '', mechanism);
        for (const file of files) assert.ok(existsSync(join(ROOT, file)), `${mechanism}: ${file}`);
      }
    }
  });

  it('says of everything dropped why', () => {
    for (const [mechanism, why] of tableUnder(page, 'Dropped', 'in HAKMEM')) {
      assert.ok(why.length > 20, mechanism);
    }
  });
});

describe('the parser of pages', () => {
  it('finds links, anchors, code and tables', () => {
    const page = parsePage(
      '# A `b` & c\n\n# A b c\n\n[x](y.md#z) ![p](q.png)\n\n- one\n\n  ```ts\n  code();\n  ```\n\n' +
        '| a | b |\n|---|---|\n| `1` | [l](#m) |\n\n<img src="r.png">\n',
    );
    assert.deepEqual([...page.anchors], ['a-b--c', 'a-b-c']);
    assert.deepEqual(
      page.links.map(({ href }) => href),
      ['y.md#z', 'q.png', '#m', 'r.png'],
    );
    assert.deepEqual(page.codes, [{ language: 'ts', code: 'code();\n', line: 10 }]);
    assert.deepEqual(tableUnder(page, 'A b c', 'a'), [['`1`', '[l](#m)']]);
  });
});
