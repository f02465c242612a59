// What, beside the sources, the bytes of an addon depend on: its compiler, the packages of which something
// gets into it, and the headers.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nodeDirectory } from './build.mjs';

/** What a program prints, or undefined where it is missing or fails. */
function printed(program, args) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** First line of the compiler's version, or undefined where it is missing. */
export function compilerOf(target) {
  return printed(target.compiler, ['--version'])?.split('\n')[0];
}

/** Version of Node's headers, with which come the settings that node-gyp compiles with. */
function nodeHeaders() {
  const file = join(nodeDirectory() ?? '', 'include/node/node_version.h');
  if (!existsSync(file)) return process.versions.node;
  const text = readFileSync(file, 'utf8');
  const number = (name) => new RegExp(`define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return ['MAJOR', 'MINOR', 'PATCH'].map(number).join('.');
}

/** The toolchain of a target, a line for each part of it. */
export function toolchainOf(target, root) {
  const packages = printed('dpkg-query', [
    '--show',
    '--showformat=${Package} ${Version}\n',
    ...target.packages,
  ]);
  const addonApi = createRequire(join(root, 'package.json'))('node-addon-api/package.json');
  return [
    compilerOf(target),
    ...(packages?.split('\n') ?? []),
    `headers of Node ${nodeHeaders()}`,
    `node-addon-api ${addonApi.version}`,
  ];
}
