import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Arena } from '../../../lib/index';
import { createMonitor, type MonitorServer } from '../../../lib/monitor';
import { IS_WASM } from '../support/backend';
import { type ChildOptions, type ChildResult, PACKAGE_ROOT, run } from '../support/child';

const MAIN = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js');

function cli(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  return run(process.execPath, [...(options.nodeArguments ?? []), MAIN, ...args], options);
}

let server: MonitorServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('npx hakmem-arena', () => {
  test.each([[[]], [['--help']], [['top', '--help']]])('%j prints the help', async (args) => {
    const { exitCode, stdout } = await cli(args);
    expect(exitCode).toBe(0);
    for (const command of ['demo', 'bench', 'top', 'stats', 'learn', 'doctor'])
      expect(stdout).toContain(command);
  });

  test('--version prints that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect((await cli(['--version'])).stdout).toBe(`${version}\n`);
  });

  test.each([
    [['nothing'], 'nothing'],
    [['constructor'], 'constructor'],
    [['doctor', '--fast'], '--fast'],
    [['doctor', 'now'], 'now'],
    [['demo', '--port', 'x'], '--port'],
    [['demo', '--port', '65536'], '--port'],
    [['top', '--url', 'here'], '--url'],
    [['stats', '--url', 'here'], '--url'],
    [['learn', '--by', 'luck'], '--by'],
    [['learn', '--classes', '1'], '--classes'],
    [['learn', '--compare', '64,32'], '--compare'],
    [['learn', '--url', 'http://127.0.0.1:1/', '--file', 'x'], '--file'],
    [['top', '--interval', '0'], '--interval'],
    [['bench', '--case', 'none', '--rival', 'arena'], '--case'],
  ])('%j is a usage error that names it', async (args, named) => {
    const { exitCode, stderr } = await cli(args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(named);
  });
});

describe('doctor', () => {
  test('names the binary and finds nothing wrong here', async () => {
    const { exitCode, stdout } = await cli(['doctor']);
    expect(stdout).toContain(IS_WASM ? 'HAKMEM_BACKEND=wasm is set' : 'hakmem_arena.node');
    expect(stdout).toContain('allocates, frees and gives back');
    expect(exitCode).toBe(stdout.includes('BAD') ? 1 : 0);
  });

  test('says what arenas may hold, and of what that is a share', async () => {
    expect((await cli(['doctor'])).stdout).toMatch(/^ok +arenas +no limit$/m);
    const { stdout } = await cli(['doctor'], { env: { HAKMEM_MAX_MEMORY_MB: 'auto' } });
    expect(stdout).toMatch(/^ok +arenas +at most \d+ MB \(auto: three quarters of the memory\)$/m);
  });

  test('points at a switch that means nothing', async () => {
    const { exitCode, stdout } = await cli(['doctor'], { env: { HAKMEM_THP: 'sometimes' } });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/BAD +HAKMEM_THP +sometimes/);
  });

  test('lists every variable that looks like a switch, known or not', async () => {
    const env = { HAKMEM_FREE_POLICY: 'keep', HAKMEM_SUPERSLAB_TTL_SECONDS: '5', HAKMEM_WRAP: '1' };
    const { stdout } = await cli(['doctor'], { env });
    expect(stdout).toMatch(/^ok +HAKMEM_FREE_POLICY +keep$/m);
    expect(stdout).toMatch(
      /^ok +HAKMEM_SUPERSLAB_TTL_SECONDS +5 \(does nothing here; the nearest that does: HAKMEM_SUPERSLAB_TTL_SEC\)$/m,
    );
    expect(stdout).toMatch(/^ok +HAKMEM_WRAP +1 \(does nothing here\)$/m);
  });

  test('says why where the addon cannot be loaded', async () => {
    const { exitCode, stdout } = await cli(['doctor'], {
      nodeArguments: ['--no-addons'],
      env: { HAKMEM_BACKEND: 'native' },
    });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/BAD +self test/);
    expect(stdout).toContain('--allow-addons');
  });

  test('says which backend runs, and why', async () => {
    const backendOf = async (options: ChildOptions): Promise<[number | null, string]> => {
      const { exitCode, stdout } = await cli(['doctor'], options);
      return [exitCode, /^.*\bbackend .*$/m.exec(stdout)![0] + stdout.split(/\bbackend .*\n/)[1]!];
    };
    const [, chosen] = await backendOf({ env: { HAKMEM_BACKEND: 'wasm' } });
    expect(chosen).toMatch(/^ok +backend +wasm \(HAKMEM_BACKEND=wasm is set\)/);
    expect(chosen).not.toContain('does nothing here');
    const [, loaded] = await backendOf({ env: { HAKMEM_BACKEND: '' } });
    expect(loaded).toMatch(/^ok +backend +native \(the addon loads\)/);
    const noAddons = { nodeArguments: ['--no-addons'], env: { HAKMEM_BACKEND: '' } };
    const [exitCode, fallen] = await backendOf(noAddons);
    expect(exitCode).toBe(1);
    expect(fallen).toMatch(/^BAD +backend +wasm +the addon is not used: .*--allow-addons/);
  });

  test('points at a backend that means nothing', async () => {
    const { exitCode, stdout } = await cli(['doctor'], { env: { HAKMEM_BACKEND: 'rust' } });
    expect(exitCode).toBe(1);
    expect(stdout.match(/^.*HAKMEM_BACKEND .*$/gm)).toEqual([
      expect.stringMatching(/^BAD +HAKMEM_BACKEND +rust$/),
    ]);
  });
});

describe('top', () => {
  test('prints plain lines of every arena where there is no terminal', async () => {
    const arena = new Arena({ name: 'watched' });
    for (let i = 0; i < 25; i++) arena.allocUnsafe(1000);
    server = await createMonitor({ title: 'a service' }).listen({ port: 0 });
    const args = ['top', '--url', server.url, '--count', '2', '--interval', '0.1'];
    const { exitCode, stdout } = await cli(args);
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout.match(/^a service: process/gm)?.length).toBe(2);
    expect(stdout).toMatch(/^watched +- +\S+ +25 +24\.4 KB +2\.0 MB +1$/m);
    expect(stdout).toMatch(/^watched +0 /m);
    arena.destroy();
  });

  test('ends with a word when nobody answers', async () => {
    const { exitCode, stderr } = await cli(['top', '--url', 'http://127.0.0.1:1/', '--count', '1']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'no answer from http://127.0.0.1:1/stats.json; a service answers that',
    );
    expect(stderr).toContain('createMonitor().listen()');
  });
});

describe('stats', () => {
  test('prints a table of every arena and class, once', async () => {
    const arena = new Arena({ name: 'in a table' });
    for (let i = 0; i < 25; i++) arena.allocUnsafe(1000);
    server = await createMonitor().listen({ port: 0 });
    const { exitCode, stdout } = await cli(['stats', '--url', server.url]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`in a table (${arena.id}): 24.4 KB live`);
    expect(stdout).toMatch(/^class +allocs .* cached +os$/m);
    expect(stdout).toMatch(/^C7 +25 /m);
    arena.destroy();
  });
});

describe('learn', () => {
  const LEARN = /^ {2}best {4}1 classes waste .*, saves .*$/m;

  test('prints what a service wastes and the best classes, from its monitor or a file', async () => {
    const arena = new Arena({ name: 'to learn' });
    for (let i = 0; i < 1000; i++) arena.allocUnsafe(530);
    server = await createMonitor().listen({ port: 0 });
    const args = ['learn', '--arena', 'to learn', '--classes', '16'];
    const live = await cli([...args, '--url', server.url]);
    expect(live.exitCode).toBe(0);
    expect(live.stdout).toMatch(LEARN);
    expect(live.stdout).toMatch(/^to learn \(\d+\): 1000 live allocations, 517\.6 KB requested$/m);
    expect(live.stdout).toMatch(/^ {2}sizeClasses: \[544\]$/m);
    const file = join(mkdtempSync(join(tmpdir(), 'hakmem-')), 'lengths.json');
    writeFileSync(file, await (await fetch(`${server.url}lengths.json`)).text());
    expect((await cli([...args, '--file', file])).stdout).toBe(live.stdout);
    const compared = await cli([...args, '--file', file, '--compare', '528,1024']);
    expect(compared.stdout).toMatch(/^ {2}compared classes waste .*, [\d.]+ KB more$/m);
    const same = await cli([...args, '--file', file, '--compare', 'built-in']);
    expect(same.stdout).toMatch(/^ {2}compared classes waste .*, saves 0 B$/m);
    arena.destroy();
  });

  test.each([
    ['no JSON', 'nothing', 'it is not JSON'],
    [
      'other JSON',
      '{"arenas":[{"id":1,"name":"a","sizeClasses":[8],"lengths":[{"from":-1}]}]}',
      'reply',
    ],
  ])('refuses a file that is %s', async (_name, text, said) => {
    const file = join(mkdtempSync(join(tmpdir(), 'hakmem-')), 'lengths.json');
    writeFileSync(file, text);
    const { exitCode, stderr } = await cli(['learn', '--file', file]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(said);
  });
});

describe('demo', () => {
  test('serves the monitor, and ends by itself when told for how long', async () => {
    const { exitCode, stdout } = await cli(['demo', '--port', '0', '--seconds', '0.5']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+\//);
  });
});

describe('bench', () => {
  test('measures one case in a process of its own', async () => {
    const args = ['bench', '--case', 'always 256 B', '--rival', 'arena', '--rounds', '1'];
    const { exitCode, stdout } = await cli(args);
    expect(exitCode).toBe(0);
    expect(Number(stdout)).toBeGreaterThan(0);
  });
});
