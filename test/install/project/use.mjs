// The same package by import: one class, whichever way it comes; every entry that needs no peer.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Arena } from 'hakmem-arena';
import { createMonitor } from 'hakmem-arena/monitor';

const require = createRequire(import.meta.url);
assert.equal(require('hakmem-arena').Arena, Arena);
assert.equal(require('hakmem-arena/monitor').createMonitor, createMonitor);
const arena = new Arena();
const view = arena.from('by import');
const text = view.toString();
arena.free(view);
arena.destroy();
console.log(JSON.stringify({ text }));
