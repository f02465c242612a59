// Calls in lib/ that run up although imports point down: a file calls a method of an interface, and a class that
// fits the interface is declared in a file above, one that imports the caller. Who reads the caller has to read on
// upwards.
//
// TypeScript's checker tells which classes fit, whether they say `implements` or not. Functions that are handed down,
// object literals, and methods that a subclass overrides are not seen.

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { filesUnder } from '../build/recipe.mjs';

/** Interfaces that may be called up through, and why. */
const ALLOWED = new Map([
  ['Collectable', 'The garbage collector has it called, from the event loop: nothing waits above.'],
  ['Decaying', 'A timer has it called, from the event loop: nothing waits above.'],
  ['HoldKeeper', 'The same: it is called for what the garbage collector has taken.'],
]);

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.Node16,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
  strict: true,
  exactOptionalPropertyTypes: true,
};

/** Violations of lib/ at `root`, each a line of text. */
export function checkCallsUp(root) {
  const names = existsSync(join(root, 'lib')) ? filesUnder('lib', root) : [];
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => join(root, name));
  const program = ts.createProgram(files, OPTIONS);
  const checker = program.getTypeChecker();
  const sources = files.map((file) => program.getSourceFile(file));
  const importers = importersOf(sources);
  const classes = sources.flatMap((source) => nodesOf(source, ts.isClassDeclaration));

  const fits = (one, owner) =>
    checker.isTypeAssignableTo(checker.getTypeAtLocation(one), checker.getTypeAtLocation(owner));

  return sources.flatMap((source) => {
    const above = importers.get(source);
    return callsOfInterfaces(source, sources, checker).flatMap(({ call, method, owner }) =>
      classes
        .filter((one) => above.has(one.getSourceFile()) && fits(one, owner))
        .map((one) => {
          const { line } = source.getLineAndCharacterOfPosition(call.getStart());
          const [from, to] = [source, one.getSourceFile()].map((it) => relative(root, it.fileName));
          const called = `${owner.name.text}.${method}`;
          return `${from}:${line + 1}: ${called} runs up into class ${one.name.text} of ${to}`;
        }),
    );
  });
}

function nodesOf(source, isWanted) {
  const found = [];
  const visit = (node) => {
    if (isWanted(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const isMethodCall = (node) =>
  ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression);

/** Calls of methods that an interface of `sources` declares. */
function callsOfInterfaces(source, sources, checker) {
  return nodesOf(source, isMethodCall).flatMap((call) => {
    const { name } = call.expression;
    const declarations = checker.getSymbolAtLocation(name)?.declarations ?? [];
    return declarations
      .map(({ parent }) => parent)
      .filter((owner) => ts.isInterfaceDeclaration(owner) && !ALLOWED.has(owner.name.text))
      .filter((owner) => sources.includes(owner.getSourceFile()))
      .map((owner) => ({ call, method: name.text, owner }));
  });
}

/** By file: all that import it, by whatever way. */
function importersOf(sources) {
  const byName = new Map(sources.map((source) => [source.fileName, source]));
  const direct = new Map(sources.map((source) => [source, []]));
  for (const source of sources) {
    for (const { fileName } of ts.preProcessFile(source.text).importedFiles) {
      const found = ts.resolveModuleName(fileName, source.fileName, OPTIONS, ts.sys);
      direct.get(byName.get(found.resolvedModule?.resolvedFileName))?.push(source);
    }
  }
  return new Map(sources.map((source) => [source, reachableFrom(source, direct)]));
}

function reachableFrom(start, edges) {
  const found = new Set();
  const queue = [start];
  while (queue.length > 0) {
    const fresh = edges.get(queue.pop()).filter((next) => !found.has(next));
    for (const next of fresh) found.add(next);
    queue.push(...fresh);
  }
  return found;
}
