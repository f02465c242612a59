// What the installation tests share: Nodes of other versions and machines, empty projects, and a PATH
// on which there is no compiler.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QUIET, pinnedTools } from '../../tools/test/nodes.mjs';

export { MAJORS, nodeOf, pinnedTools, program } from '../../tools/test/nodes.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TIMEOUT_MS = 300_000;

export const has = (program) =>
  process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));

/** Why a test that needs these programs cannot run here, or false. */
export function missing(...programs) {
  const absent = programs.filter((program) => !has(program));
  return absent.length > 0 && `there is no ${absent.join(' and no ')} here`;
}

/** The tarball that tools/test/install.mjs has published. */
export function tarball() {
  const path = process.env.HAKMEM_TARBALL;
  assert.ok(path, 'run `npm run test:install`');
  return path;
}

/** The registry that it was published to. */
export function registry() {
  const url = process.env.HAKMEM_REGISTRY;
  assert.ok(url, 'run `npm run test:install`');
  return url;
}

/** Adds to the record what a test has tried: a part of tools/test/record.mjs, names, and a version. */
export function note(...keys) {
  appendFileSync(process.env.HAKMEM_NOTES, `${JSON.stringify(keys)}\n`);
}

/** Version of a tool that test/install/tools/ pins. */
export function versionOf(name) {
  return JSON.parse(readFileSync(join(pinnedTools(), name, 'package.json'), 'utf8')).version;
}

/** npm itself, to be run by any Node. */
export function npmProgram() {
  const folders = process.env.PATH.split(delimiter);
  return realpathSync(
    folders.map((folder) => join(folder, 'npm')).find((path) => existsSync(path)),
  );
}

/** A folder of links to Node, npm and a shell: a PATH for a machine without a compiler. */
export function barePath(node) {
  const folder = mkdtempSync(join(tmpdir(), 'path-'));
  symlinkSync(node, join(folder, 'node'));
  symlinkSync(npmProgram(), join(folder, 'npm'));
  symlinkSync('/bin/sh', join(folder, 'sh'));
  return folder;
}

/** Runs `use` in an empty project, which goes away afterwards. */
export function inProject(use) {
  const project = mkdtempSync(join(tmpdir(), 'project-'));
  try {
    writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }');
    cpSync(join(ROOT, 'test/install/project'), project, { recursive: true });
    return use(project);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** Installs the tarball in `project` with what is on `path` only. */
export function install(project, { path = process.env.PATH, options = [] } = {}) {
  npm(project, ['install', tarball(), ...options], { path });
}

export function npm(project, args, { path = process.env.PATH } = {}) {
  const env = { ...process.env, PATH: path };
  const { status, stdout, stderr } = spawnSync('npm', [...QUIET, ...args], {
    cwd: project,
    env,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  assert.equal(status, 0, `npm ${args[0]}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** Runs a command to its end; returns the JSON that it prints. What it prints goes through a file,
 * because Node for Windows does not accept a pipe of this system. */
export function result(project, [command, ...args], env = {}) {
  const output = join(project, 'output.txt');
  const line = [command, ...args].map((word) => `'${word}'`).join(' ');
  const { status, stderr } = spawnSync(
    '/bin/sh',
    ['-c', `${line} >'${output}' 2>'${output}.err'`],
    {
      cwd: project,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
    },
  );
  const errors = `${stderr}${readFileSync(`${output}.err`, 'utf8')}`;
  assert.equal(status, 0, `${line}:\n${errors}\n${readFileSync(output, 'utf8')}`);
  return JSON.parse(readFileSync(output, 'utf8'));
}

/** What loading the installed package fails with. */
export function failure(project) {
  const script = `
    process.env.HAKMEM_BACKEND ??= 'native';
    try { require('hakmem-arena'); console.log('{}'); }
    catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
  return result(project, [process.execPath, '-e', script.replaceAll("'", '"')]);
}

/** Where the package is in a project. */
export const installed = (project) => join(project, 'node_modules/hakmem-arena');

/** Nothing was compiled, and nothing but the package and node-gyp-build is there. */
export function assertPrebuilt(project) {
  assert.equal(existsSync(join(installed(project), 'build')), false);
  const packages = readdirSync(join(project, 'node_modules')).filter((name) => name[0] !== '.');
  assert.deepEqual(packages, ['hakmem-arena', 'node-gyp-build']);
}
