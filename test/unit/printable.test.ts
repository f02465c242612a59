/**
 * Printable: what others have named reaches no terminal and no log but as plain text.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Arena, formatHeapStats, heapStats } from '../../lib/index';
import { render } from '../../lib/cli/top';
import { createMonitor, type StatsReply } from '../../lib/monitor';
import { printable, printableLines } from '../../lib/base/printable';
import { ask } from './support/ask';
import { type ChildResult, PACKAGE_ROOT, resultOf, run, runScript } from './support/child';
import { errorOf } from './support/codes';

/** What a terminal obeys, what breaks lines, what turns text around; of each kind some, with their escapes. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['\u001b[2J', '\\x1b[2J'],
  ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
  ['\r', '\\x0d'],
  ['\n', '\\x0a'],
  ['\t', '\\x09'],
  ['\b', '\\x08'],
  ['\u007f', '\\x7f'],
  ['\u0085', '\\x85'],
  ['\u009b31m', '\\x9b31m'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
  ['\u202a', '\\u202a'],
  ['\u202e', '\\u202e'],
  ['\u2066', '\\u2066'],
  ['\u2069', '\\u2069'],
  ['\ud800', '\\ud800'],
  ['\udfff', '\\udfff'],
];

/** All of them in two names, because one cannot be that long. */
const NAMES = [HOSTILE.slice(0, 8), HOSTILE.slice(8)].map((some) =>
  some.map(([text]) => text).join('x'),
);

/** Nothing in `text` but plain text and, where they belong, ends of lines. */
function expectPlain(text: string): void {
  expect(text.split('\n').filter((line) => line !== printable(line))).toEqual([]);
}

const arenas: Arena[] = [];
let server: Server | undefined;
afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
  server?.close();
  server = undefined;
});

function hostileArenas(): Arena[] {
  arenas.push(...NAMES.map((name) => new Arena({ name })));
  return arenas;
}

describe('printable()', () => {
  test.each(HOSTILE)('%j is %s', (text, shown) => {
    expect(printable(`a${text}b`)).toBe(`a${shown}b`);
  });

  test.each(['plain', 'für 日本 😀 👩‍👩‍👧 עברית', 'C:\\path', '', ' '])('"%s" stays', (text) => {
    expect(printable(text)).toBe(text);
  });

  test('printableLines() keeps the ends of lines, and nothing else', () => {
    expect(printableLines('a\nb\r\n\u001b')).toBe('a\nb\\x0d\n\\x1b');
  });
});

describe('names of arenas', () => {
  test('in formatHeapStats()', () => {
    const own = hostileArenas().length * 20;
    // The rows of the totals depend on the size classes of all arenas that live in this process.
    const all = heapStats();
    const totals = formatHeapStats({ ...all, arenas: [] }).split('\n').length;
    const text = formatHeapStats({ ...all, arenas: arenas.map((arena) => arena.stats()) });
    expectPlain(text);
    expect(text.split('\n').length).toBe(own + totals);
    expect(text).toContain('\\x1b[2Jx\\x1b]0;title\\x07x\\x0dx\\x0a');
  });

  test('in statistics that come from elsewhere, whatever they call a row', () => {
    const [arena] = hostileArenas();
    const stats = arena!.stats();
    const classes = stats.classes.map((row) => ({ ...row, name: `${row.name}\n\u001b[2J` }));
    expectPlain(formatHeapStats({ ...stats, classes }, { lines: 'all' }));
    expect(formatHeapStats({ ...stats, classes }).split('\n').length).toBe(20);
  });

  test('and tags, in warnings', async () => {
    const { exitCode, stderr } = await runScript(
      `const { Arena } = require('hakmem-arena');
       const name = ${JSON.stringify(NAMES[0])};
       const arena = new Arena({ name, leaks: 'all', guard: { sampleRate: 1 } });
       const guarded = new Arena({ name, guard: { sampleRate: 1 } });
       const view = guarded.alloc(100);
       guarded.free(view);
       try { guarded.free(view); } catch {}
       (function drop() { arena.tag(arena.alloc(100), name); })();
       setTimeout(() => gc(), 5);
       setTimeout(() => gc(), 30);
       setTimeout(() => {}, 100);`,
      { nodeArguments: ['--expose-gc'] },
    );
    expect(exitCode).toBe(0);
    expectPlain(stderr);
    expect(stderr).toMatch(/HAKMEM_LEAK\].*\(\\x1b\[2J.*of arena "\\x1b\[2J/);
    expect(stderr).toMatch(/HAKMEM_GUARD\].*of arena "\\x1b\[2J.*was freed twice/);
  });

  test('at exit', async () => {
    const { stderr } = await runScript(
      `const { Arena } = require('hakmem-arena');
       globalThis.kept = ${JSON.stringify(NAMES)}.map((name) => new Arena({ name }));
       for (const arena of kept) arena.alloc(10);`,
      { env: { HAKMEM_TINY_HEAP_STATS_DUMP: '1' } },
    );
    expectPlain(stderr);
    expect(stderr.split('\n').length).toBe(3 * 16 + 1);
  });

  test('in Prometheus have the escapes of its format: no name makes a line of its own', async () => {
    const [name] = ['a\n# HELP forged\nforged 1\n"} \\ end'];
    arenas.push(new Arena({ name: name }));
    const monitor = await createMonitor().listen({ port: 0 });
    const { body } = await ask(monitor.port, '/metrics');
    await monitor.close();
    expect(body).not.toMatch(/^(# HELP )?forged/m);
    expect(body).toContain('{arena="a\\n# HELP forged\\nforged 1\\n\\"} \\\\ end"}');
  });
});

describe('messages of errors', () => {
  const Named = class {
    own = 1;
  };
  Object.defineProperty(Named, 'name', { value: NAMES[0] });

  test.each([
    ['an option', () => new Arena({ [NAMES[0]!]: 1 })],
    ['an option of guard', () => new Arena({ guard: { [NAMES[0]!]: 1 } as never })],
    ['a value', () => new Arena({ views: NAMES[0] as never })],
    ['a value turned around', () => new Arena({ views: NAMES[1] as never })],
    ['a name too long', () => new Arena({ name: NAMES[1]!.repeat(9) })],
    ['a type', () => new Arena({ maxBytes: NAMES[1] as never })],
    ['a class', () => new Arena({ maxBytes: new Named() as never })],
    ['a function', () => new Arena({ maxBytes: Named as never })],
    ['a base path', () => createMonitor({ basePath: NAMES[1]! })],
  ])('that quote %s', (_what, act) => {
    expectPlain((errorOf(act) as Error).message);
  });
});

describe('the environment', () => {
  const env = { HAKMEM_THP: NAMES.join('').replaceAll(/[\ud800-\udfff]/g, '') };

  test('in warnings', async () => {
    const { stderr } = await runScript(`require('hakmem-arena')`, { env });
    expect(stderr).toContain('HAKMEM_THP=\\x1b[2J');
    expectPlain(stderr);
  });

  test('in doctor', async () => {
    const { stdout } = await cli(['doctor'], env);
    expect(stdout).toMatch(/BAD +HAKMEM_THP +\\x1b\[2J/);
    expectPlain(stdout);
  });
});

function cli(args: readonly string[], env: Record<string, string> = {}): Promise<ChildResult> {
  return run(process.execPath, [join(PACKAGE_ROOT, 'dist', 'cli', 'main.js'), ...args], { env });
}

test('arguments that the command line does not know', async () => {
  for (const args of [[NAMES[0]!], ['top', '--url', NAMES[0]!], ['doctor', NAMES[0]!]]) {
    const { exitCode, stderr } = await cli(args.map((it) => it.replaceAll(/[\ud800-\udfff]/g, '')));
    expect(exitCode).toBe(2);
    expectPlain(stderr);
  }
});

/** A service that answers with this. */
async function answering(body: string | Buffer, status = 200): Promise<string> {
  server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** What a monitor really says, as JSON that may be changed. */
async function realReply(): Promise<Record<string, never>> {
  return resultOf(`
    const { Arena } = require('hakmem-arena');
    const { createMonitor } = require('hakmem-arena/monitor');
    new Arena({ name: 'real' }).alloc(1000);
    createMonitor().listen({ port: 0 }).then(async ({ url }) => {
      console.log(await (await fetch(url + 'stats.json')).text());
    });`);
}

type Json = Record<string, Record<string, Record<string, unknown>[]>>;

/** Every string of a value made hostile. */
function hostile(value: unknown): unknown {
  if (typeof value === 'string') return `${NAMES.join('')}${value}`;
  if (Array.isArray(value)) return value.map(hostile);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, hostile(it)]));
}

describe('top', () => {
  test('shows every text of a hostile service as text', async () => {
    const reply = hostile(await realReply());
    const { exitCode, stdout } = await cli(['top', '--count', '1', '--url', await answering(JSON.stringify(reply))]); // prettier-ignore
    expect(exitCode).toBe(0);
    expectPlain(stdout);
    expect(stdout.split('\n').length).toBe(9);
    expectPlain(render(reply as StatsReply, reply as StatsReply));
  });

  test.each([
    ['a number', (json: Json) => (json['process']!['pid'] = '\u001b[2J' as never)],
    ['no number of anything', (json: Json) => (json['process']!['rssBytes'] = 1e300 as never)],
    ['a title', (json: Json) => (json['title'] = { toString: 1 } as never)],
    ['a count', (json: Json) => (json['stats']!['arenas']![0]!['classes'] = [{ name: 'C0', allocs: '\u001b' }])], // prettier-ignore
    ['an id', (json: Json) => delete json['stats']!['arenas']![0]!['id']],
    ['a list', (json: Json) => (json['stats']!['arenas'] = 'none' as never)],
    ['statistics', (json: Json) => delete json['stats']],
  ])('ends with a word where %s should be', async (_what, spoil) => {
    const reply = await realReply();
    spoil(reply);
    const { exitCode, stdout, stderr } = await cli(['top', '--count', '1', '--url', await answering(JSON.stringify(reply))]); // prettier-ignore
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/answered with something else than statistics: reply\./);
    expectPlain(stderr);
  });

  test.each([
    ['what is not JSON', '\u001b[2J', 200, /it is not JSON/],
    ['null', 'null', 200, /something else than statistics/],
    ['an error', '\u001b[2J', 404, /answered 404/],
    ['a redirect', '', 302, /answered 302/],
  ])('ends with a word when the answer is %s', async (_what, body, status, words) => {
    const { exitCode, stderr } = await cli(['top', '--count', '1', '--url', await answering(body, status)]); // prettier-ignore
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(words);
    expectPlain(stderr);
  });

  test('asks again when the monitor has no time', async () => {
    const body = JSON.stringify(await realReply());
    let asked = 0;
    const url = await answering('');
    server!.removeAllListeners('request').on('request', (_request, response: ServerResponse) => {
      // prettier-ignore
      if (asked++ === 0) response.writeHead(503, { 'Retry-After': '1' }).end();
      else response.end(body);
    });
    const { exitCode, stdout } = await cli(['top', '--count', '1', '--url', url]);
    expect([exitCode, asked]).toEqual([0, 2]);
    expect(stdout).toMatch(/^real /m);
  });
});
