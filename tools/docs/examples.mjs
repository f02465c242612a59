// Examples: the code in comments and pages, as programs.
//
// An example may use, without importing it, what the package exports and what test/repo/docs/given.mts
// exports: an arena, an open file, a stream. Port 6464 becomes any free port.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { symbolsOf, tagsOf } from './api.mjs';
import { pagesOf, readPage } from './markdown.mjs';

const GIVEN = join('test', 'repo', 'docs', 'given.mts');
const LANGUAGES = new Set(['ts', 'js']);

/** Every example of the API's comments: `{ name, language, code }`. */
export function examplesOfApi(api) {
  return symbolsOf(api).flatMap((symbol) =>
    tagsOf(symbol, '@example').map((text) => {
      const [, language, code] = /^```(\w+)\n([^]*?)\n?```$/.exec(text.trim());
      return { name: `${symbol.entry} ${symbol.name}`, language, code };
    }),
  );
}

/** Every example of the pages. */
export function examplesOfPages(root) {
  return pagesOf(root).flatMap((path) =>
    readPage(root, path)
      .codes.filter(({ language }) => LANGUAGES.has(language))
      .map(({ language, code, line }) => ({ name: `${path}:${line}`, language, code })),
  );
}

/** What examples print, by their own word: `console.log(x); // text` on one line. */
export function promisedOutput(code) {
  return [...code.matchAll(/^\s*console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]);
}

/**
 * Writes examples as programs into `folder` and compiles them; throws with the compiler's words when one
 * is wrong. Returns them with the `file` to run.
 */
export function compileExamples(root, folder, examples, api) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'given.mts'), readFileSync(join(root, GIVEN), 'utf8'));
  const names = importableNames(root, api);
  const written = examples.map((example, i) => {
    const isCommonJs = /\brequire\(/.test(example.code);
    const stem = join(folder, `example-${i + 1}`);
    const source = `${stem}${isCommonJs ? '.cts' : '.mts'}`;
    // What is required has no types.
    const imports = isCommonJs ? '// @ts-nocheck\n' : importsFor(example.code, names);
    const code = example.code.replaceAll(/\b6464\b/g, '0');
    writeFileSync(source, `${imports}${code}\nexport {};\n`);
    return { ...example, source, file: `${stem}${isCommonJs ? '.cjs' : '.mjs'}` };
  });
  compile(root, folder, written);
  return written;
}

/** By name: the module it is to be had from. */
function importableNames(root, api) {
  const names = new Map();
  for (const { entry, name } of symbolsOf(api)) {
    if (!name.includes('.') && !names.has(name)) names.set(name, entry);
  }
  const given = readFileSync(join(root, GIVEN), 'utf8');
  for (const [, name] of given.matchAll(/^export (?:const|function) (\w+)/gm)) {
    names.set(name, './given.mjs');
  }
  return names;
}

function importsFor(code, names) {
  const { used, declared } = identifiersOf(code);
  const missing = [...used].filter((name) => names.has(name) && !declared.has(name));
  return missing.map((name) => `import { ${name} } from '${names.get(name)}'; `).join('');
}

function identifiersOf(code) {
  const used = new Set();
  const declared = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      if (parent.name === node && !ts.isPropertyAccessExpression(parent)) declared.add(node.text);
      else if (parent.name !== node) used.add(node.text);
      if (ts.isShorthandPropertyAssignment(parent)) {
        declared.delete(node.text);
        used.add(node.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('example.mts', code, ts.ScriptTarget.ES2022, true));
  return { used, declared };
}

function compile(root, folder, examples) {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config;
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram(
    examples.map(({ source }) => source),
    {
      ...options,
      rootDir: folder,
      outDir: folder,
      declaration: false,
      declarationMap: false,
      sourceMap: false,
      // Examples show values, and leave it to the reader to use them.
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
  );
  const problems = ts.getPreEmitDiagnostics(program).map((one) => textOf(one, examples));
  if (problems.length > 0) throw new Error(problems.join('\n'));
  program.emit();
}

function textOf({ file, start, messageText }, examples) {
  const text = ts.flattenDiagnosticMessageText(messageText, '\n');
  const example = examples.find(({ source }) => source === file?.fileName);
  if (!example) return `${file?.fileName}: ${text}`;
  const { line } = file.getLineAndCharacterOfPosition(start);
  return `${example.name}, line ${line + 1} of the example: ${text}`;
}
