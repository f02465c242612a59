// API: what typedoc knows of the public interface.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const TYPEDOC = join(
  dirname(createRequire(import.meta.url).resolve('typedoc/package.json')),
  'bin',
  'typedoc',
);

/** Kinds of reflections, as typedoc numbers them. */
const KIND = {
  Module: 2,
  Variable: 32,
  Function: 64,
  Class: 128,
  Interface: 256,
  Constructor: 512,
  Property: 1024,
  Method: 2048,
  Accessor: 262_144,
  TypeAlias: 2_097_152,
};

const kindName = (kind) => Object.entries(KIND).find(([, value]) => value === kind)?.[0];

/** Runs typedoc over the sources; throws with what it prints when it has anything to complain about. */
export function readApi(root) {
  const file = join(root, '.build', 'api.json');
  mkdirSync(dirname(file), { recursive: true });
  const args = [TYPEDOC, '--json', file];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`typedoc complains:\n${stdout}${stderr}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

/**
 * Every public symbol, and every member of a class or interface: `{ entry, name, kind, owner, comment }`,
 * where `entry` is what one imports it from, `name` is like 'Arena.free', and `owner` is the kind of what
 * it is a member of.
 */
export function symbolsOf(api) {
  const modules = api.children.filter(({ kind }) => kind === KIND.Module);
  return modules
    .flatMap((module) =>
      module.children.flatMap((one) => [
        describe(module.name, one),
        ...(one.children ?? []).map((member) => describe(module.name, member, one)),
      ]),
    )
    .filter(({ kind }) => kind !== undefined);
}

function describe(entry, { name, kind, comment, signatures, getSignature }, owner) {
  const documented = [comment, signatures?.[0]?.comment, getSignature?.comment];
  return {
    entry,
    name: owner ? `${owner.name}.${name}` : name,
    kind: kindName(kind),
    owner: owner && kindName(owner.kind),
    comment: documented.find((one) => one !== undefined),
  };
}

/** The texts of a comment's tags of one kind. */
export function tagsOf({ comment }, tag) {
  const tags = comment?.blockTags?.filter((one) => one.tag === tag) ?? [];
  return tags.map(({ content }) => content.map(({ text }) => text).join(''));
}
