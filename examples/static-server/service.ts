// Child process: the server, over a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Memory } from '../support/memory';
import { type Plan, Spoiler } from '../support/plan';
import { runService, type Service } from '../support/service-process';
import { writeFiles } from './files';
import { StaticServer } from './server';

runService(async (memory: Memory, plan: Plan): Promise<Service> => {
  const folder = mkdtempSync(join(tmpdir(), 'static-server-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  writeFiles(folder);
  const spoiler = new Spoiler(plan);
  return new StaticServer(memory, folder, (piece) => spoiler.pass(piece)).listen();
});
