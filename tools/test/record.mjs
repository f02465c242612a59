// The record of the installation tests: with what programs, of which versions, what was tried. Each test that
// passes adds a line to a file (`note` in test/install/support.mjs); here they are put together and compared.

import { existsSync, readFileSync } from 'node:fs';

const numbers = (version) => version.split('.').map(Number);

function byVersion(a, b) {
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at < 0 ? 0 : left[at] - right[at];
}

/** Lines `[part, ...keys, version]` as an object of objects: { managers: { npm: ['11.1.0'] } }. */
export function readNotes(file) {
  const record = { platforms: {}, managers: {}, bundlers: {} };
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  for (const line of lines) {
    const keys = JSON.parse(line);
    const version = keys.pop();
    const last = keys.pop();
    const place = keys.reduce((at, key) => (at[key] ??= {}), record);
    place[last] = [...new Set([...(place[last] ?? []), version])].sort(byVersion);
  }
  return record;
}

/** Every program of a record, with the first number of its version: what a later run has to have tried too. */
function claims(record) {
  const walk = (node, path) =>
    Array.isArray(node)
      ? node.map((version) => [...path, version.split('.')[0]].join(' '))
      : Object.entries(node).flatMap(([key, child]) => walk(child, [...path, key]));
  return walk(record, []);
}

/** What `record` claims and this run has not shown. Platforms that cannot run here at all are left out. */
export function unproven(record, run) {
  const shown = new Set(claims(run));
  const isHere = (claim) => !claim.startsWith('platforms') || claim.split(' ')[1] in run.platforms;
  return claims(record).filter((claim) => isHere(claim) && !shown.has(claim));
}
