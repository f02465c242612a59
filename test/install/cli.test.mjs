// The command line of the installed package, where nothing else is installed: no prom-client, nothing of
// what the package is developed with.

/* global fetch */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { install } from './support.mjs';

const TIMEOUT_MS = 120_000;
const skip = process.platform === 'win32' && 'a program of a project is no file to start there';

describe('the command line, installed alone', { skip }, () => {
  let project;
  const program = () => join(project, 'node_modules/.bin/hakmem-arena');

  before(() => {
    project = mkdtempSync(join(tmpdir(), 'project-'));
    writeFileSync(join(project, 'package.json'), '{ "private": true }');
    install(project);
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  function run(...args) {
    const options = { cwd: project, encoding: 'utf8', timeout: TIMEOUT_MS };
    const { status, stdout, stderr } = spawnSync(program(), args, options);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    return stdout;
  }

  it('doctor finds everything in order', () => {
    assert.match(run('doctor'), /ok +self test/);
  });

  it('doctor --verify finds every binary as it was published', () => {
    const report = run('doctor', '--verify');
    assert.equal(report.match(/^ok +\S+\.node +sha256 \w{64}, as published$/gm)?.length, 4, report);
    assert.match(report, /^ok +sources +\w{64}, those of the prebuilt binaries$/m);
  });

  it('bench --quick measures', () => {
    assert.equal(run('bench', '--quick').match(/ \d+\.\dx$/gm)?.length, 5);
  });

  it('demo shows its arenas to a browser and to top', async () => {
    const demo = spawn(program(), ['demo', '--port', '0'], { cwd: project });
    try {
      const [line] = await once(createInterface(demo.stdout), 'line');
      const [url] = /http:\/\/\S+/.exec(line);
      assert.match(await (await fetch(url)).text(), /^<!doctype html>/);
      assert.match(run('top', '--url', url, '--count', '1'), /^requests .*^cache .*^frames /ms);
      const metrics = await fetch(`${url}metrics`);
      assert.match(await metrics.text(), /npm install prom-client/);
    } finally {
      demo.kill('SIGINT');
    }
    const [code] = await once(demo, 'exit');
    assert.equal(code, 0);
  });
});
