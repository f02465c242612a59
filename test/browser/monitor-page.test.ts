/**
 * The monitor's page in a real browser. Skipped where there is no Chromium.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { Arena, heapMap, heapStats } from '../../lib/index';
import { createMonitor, type MonitorServer } from '../../lib/monitor';
import { chromiumPath, launch } from './chromium';

const MIB = 1024 * 1024;

if (chromiumPath === undefined) {
  process.stderr.write('no Chromium found (set CHROMIUM to its path): page tests are skipped\n');
}
const describeInBrowser = chromiumPath === undefined ? describe.skip : describe;

interface Visit {
  readonly page: Page;
  /** Console output, errors of scripts, failed and refused requests. */
  readonly complaints: string[];
  readonly urls: string[];
}

let browser: Browser;
let server: MonitorServer;
let arena: Arena;

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  browser = await launch();
  server = await createMonitor({ title: 'test service' }).listen({ port: 0 });
});

afterAll(async () => {
  if (chromiumPath === undefined) return;
  await browser.close();
  await server.close();
});

beforeEach(() => {
  arena = new Arena({ name: 'shown' });
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  arena.destroy();
});

/** Opens the page and waits until it has shown the first numbers. */
async function visit(options: BrowserContextOptions = {}): Promise<Visit> {
  const page = await (await browser.newContext(options)).newPage();
  const complaints: string[] = [];
  const urls: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  page.on('request', (request) => urls.push(request.url()));
  await page.goto(server.url);
  await page.getByRole('status').getByText('live', { exact: true }).waitFor();
  return { page, complaints, urls };
}

/** The number behind a short one, all digits. */
async function exactOf(locator: Locator): Promise<number> {
  const title = await locator.getAttribute('title');
  return Number(/^[\d,]+/.exec(title ?? '')?.[0].replaceAll(',', ''));
}

const cellOf = (page: Page, name: string, column: string): Locator =>
  page.locator(`tr[data-class="${name}"] [data-column="${column}"] > span`).first();

/** Waits for two answers that were asked for from now on. */
async function untilUpdated(page: Page): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await page.waitForResponse((response) => response.url().endsWith('stats.json'));
    await page.waitForResponse((response) => response.url().endsWith('map.json'));
  }
  await page.evaluate('new Promise(requestAnimationFrame)');
}

/** What is drawn on the map of an arena, to compare. */
function drawn(page: Page, id: number): Promise<string> {
  return page
    .locator(`figure[data-arena="${id}"] canvas`)
    .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
}

describeInBrowser('the page', () => {
  test('shows what heapStats() says, to the unit', async () => {
    const sizes = [8, 30, 100, 700, 1500, 9000, 60_000, 300_000, 3 * MIB];
    const views = sizes.flatMap((size) =>
      Array.from({ length: 20 }, () => arena.allocUnsafe(size)),
    );
    for (const view of views.slice(0, 50)) arena.free(view);
    const { page, complaints } = await visit();
    await untilUpdated(page);
    const { totals } = heapStats();
    for (const key of ['live', 'front', 'freeInSlab', 'slack', 'freeSlabs', 'cached'] as const) {
      expect(await exactOf(page.locator(`[data-bytes="${key}"]`))).toBe(totals.bytes[key]);
    }
    for (const row of totals.classes.filter(({ allocs }) => allocs > 0)) {
      expect(await exactOf(cellOf(page, row.name, 'allocs'))).toBe(row.allocs);
      expect(await exactOf(cellOf(page, row.name, 'fast'))).toBe(row.fast);
      expect(await exactOf(cellOf(page, row.name, 'live'))).toBe(row.live);
      expect(await exactOf(cellOf(page, row.name, 'liveBytes'))).toBe(row.liveBytes);
      expect(await exactOf(cellOf(page, row.name, 'slabs'))).toBe(row.slabs);
      expect(await exactOf(cellOf(page, row.name, 'occupancy'))).toBe(row.capacity);
    }
    expect(await exactOf(page.locator('[data-tile="Live"] dd').first())).toBe(totals.bytes.live);
    expect(await exactOf(page.locator('[data-tile="Mapped"] dd').first())).toBe(
      totals.bytes.mapped,
    );
    expect(complaints).toEqual([]);
  });

  test('draws the map anew when slabs change, and tells a cell in words', async () => {
    for (let i = 0; i < 64; i++) arena.allocUnsafe(1024);
    const { page, complaints } = await visit();
    const before = await drawn(page, arena.id);
    const canvas = page.getByRole('img', { name: 'Map of shown: 1 SuperSlab, 2.00 MB' });
    await canvas.focus();
    await page.keyboard.press('Home');
    const { taken, capacity } = heapMap().arenas.find(({ id }) => id === arena.id)!.superslabs[0]!
      .slabs[0]!;
    const words = `shown, SuperSlab 0, hot, slab 0: C7, ${taken} of ${capacity} blocks of 1024 B taken`;
    expect(await page.locator('#readout').textContent()).toBe(words);
    await page.keyboard.press('End');
    expect(await page.locator('#readout').textContent()).toMatch(
      /slab 31: free, takes up no memory/,
    );

    for (let i = 0; i < 10; i++) arena.allocUnsafe(400_000);
    await page.getByRole('img', { name: /Map of shown: 3 SuperSlabs/ }).waitFor();
    expect(await drawn(page, arena.id)).not.toBe(before);
    expect(complaints).toEqual([]);
  });

  (heapStats().backend.name === 'wasm' ? test.skip : test)(
    'marks a slab with blocks in another thread, and says so',
    async () => {
      const views = Array.from({ length: 8 }, () => arena.allocUnsafe(8192));
      const big = arena.allocUnsafe(400_000);
      const { page, complaints } = await visit();
      const before = await drawn(page, arena.id);
      const tickets = [...views.slice(0, 3), big].map((view) => arena.share(view));
      await untilUpdated(page);
      expect(await drawn(page, arena.id)).not.toBe(before);
      await page.getByRole('img', { name: /Map of shown/ }).focus();
      await page.keyboard.press('Home');
      const words = async (): Promise<string | null> => page.locator('#readout').textContent();
      expect(await words()).toMatch(/blocks of 8192 B taken, 3 of them away$/);
      await page.keyboard.press('ArrowRight');
      expect(await words()).toMatch(/slab 1: run, away$/);
      await page.locator('#legend').getByText('in another thread').waitFor();
      for (const ticket of tickets) arena.free(arena.recall(ticket)!);
      await untilUpdated(page);
      expect(await words()).not.toMatch(/away/);
      expect(complaints).toEqual([]);
    },
  );

  test('takes a map away with its arena, and brings one with a new arena', async () => {
    const { page } = await visit();
    const other = new Arena({ name: 'other' });
    other.allocUnsafe(100);
    await page.locator(`figure[data-arena="${other.id}"]`).waitFor();
    await page.getByLabel('Arena').selectOption({ label: 'other' });
    expect(await page.locator(`figure[data-arena="${arena.id}"]`).isVisible()).toBe(false);
    other.destroy();
    await page.locator(`figure[data-arena="${other.id}"]`).waitFor({ state: 'detached' });
    expect(await page.getByLabel('Arena').inputValue()).toBe('all');
  });

  test('shows one arena alone when it is chosen', async () => {
    const other = new Arena({ name: 'other' });
    for (let i = 0; i < 7; i++) other.allocUnsafe(5000);
    for (let i = 0; i < 5; i++) arena.allocUnsafe(5000);
    const { page } = await visit();
    expect(await exactOf(cellOf(page, 'M2', 'live'))).toBe(12);
    await page.getByLabel('Arena').selectOption({ label: 'other' });
    expect(await exactOf(cellOf(page, 'M2', 'live'))).toBe(7);
    other.destroy();
  });

  test('marks a class on the map from its button in the table', async () => {
    arena.allocUnsafe(1000);
    arena.allocUnsafe(5000);
    const { page } = await visit();
    const before = await drawn(page, arena.id);
    const button = page.getByRole('button', { name: 'C7' });
    await button.focus();
    await page.keyboard.press('Enter');
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    expect(await drawn(page, arena.id)).not.toBe(before);
    await page.keyboard.press('Enter');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
  });

  test('stands still while it is paused, and goes on after', async () => {
    arena.allocUnsafe(1000);
    const { page } = await visit();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.waitForTimeout(700);
    arena.allocUnsafe(1000);
    await page.waitForTimeout(1200);
    expect(await exactOf(cellOf(page, 'C7', 'live'))).toBe(1);
    await page.getByRole('button', { name: 'Resume' }).click();
    await untilUpdated(page);
    expect(await exactOf(cellOf(page, 'C7', 'live'))).toBe(2);
  });

  test('draws the RSS beside what is committed and live, and one sees it follow demand', async () => {
    const { page, complaints } = await visit();
    const chart = page.locator('#memory svg.chart');
    const rssShown = async (): Promise<number> => {
      await untilUpdated(page);
      const label = await chart.getAttribute('aria-label');
      return Number(/RSS of the process ([\d.]+) MB/.exec(label ?? '')?.[1]);
    };
    const before = await rssShown();
    const views = Array.from({ length: 64 }, () => arena.allocUnsafe(MIB).fill(1));
    const loaded = await rssShown();
    for (const view of views) arena.free(view);
    arena.trim();
    const after = await rssShown();
    expect(loaded - before).toBeGreaterThan(48);
    expect(loaded - after).toBeGreaterThan(48);
    expect(Math.abs(after * MIB - process.memoryUsage.rss())).toBeLessThan(32 * MIB);
    expect(await chart.locator('path').count()).toBe(3);
    expect(await page.locator('#memory .keys li').allTextContents()).toEqual([
      expect.stringMatching(/^committed/),
      expect.stringMatching(/^live/),
      expect.stringMatching(/^RSS of the process/),
      '',
    ]);
    // Of the whole process, whichever arena is chosen.
    await page.getByLabel('Arena').selectOption({ label: 'shown' });
    expect(Math.abs((await rssShown()) - after)).toBeLessThan(32);
    expect(complaints).toEqual([]);
  });

  test('shows the name of an arena as text, whatever it says', async () => {
    const named = new Arena({ name: '<img src=x onerror=alert(1)>' });
    const { page, complaints } = await visit();
    await page.locator(`figure[data-arena="${named.id}"]`).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('figcaption').last().textContent()).toContain('<img src=x');
    expect(complaints).toEqual([]);
    named.destroy();
  });

  test('says so when the service does not answer, and recovers', async () => {
    const { page } = await visit();
    await page.route('**/stats.json', (route) => route.abort());
    await page.getByText('not reachable, retrying').waitFor();
    await page.unroute('**/stats.json');
    await page.getByRole('status').getByText('live', { exact: true }).waitFor();
  });

  test('asks nobody but its own server', async () => {
    const { page, urls } = await visit();
    await untilUpdated(page);
    expect(urls.filter((url) => !url.startsWith(server.url))).toEqual([]);
  });

  test.each([
    [360, 740],
    [820, 1180],
    [1440, 900],
  ])('fits a screen of %i x %i in light and dark, and needs no mouse', async (width, height) => {
    for (let i = 0; i < 30; i++) arena.allocUnsafe(700_000);
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, complaints } = await visit({ colorScheme, viewport: { width, height } });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const reached = new Set<string>();
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        reached.add(await page.evaluate('document.activeElement.tagName.toLowerCase()'));
      }
      for (const tag of ['a', 'select', 'button', 'svg', 'canvas'])
        expect([...reached]).toContain(tag);
      expect(complaints).toEqual([]);
    }
  });
});

describeInBrowser('the page is quick', () => {
  test('all of it is under 60 KB', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const sizes: Promise<number>[] = [];
    page.on('response', (response) => {
      if (!response.url().endsWith('.json'))
        sizes.push(response.body().then(({ length }) => length));
    });
    await page.goto(server.url);
    await page.getByRole('status').getByText('live', { exact: true }).waitFor();
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(sizes.length).toBeGreaterThan(5);
    expect(bytes).toBeLessThan(60_000);
  });

  test('first paint comes within 200 ms', async () => {
    let best = Infinity;
    // The best of some: this machine may be busy with other things.
    for (let i = 0; i < 15 && best >= 200; i++) {
      const { page } = await visit();
      const paint = `performance.getEntriesByName('first-paint')[0].startTime`;
      best = Math.min(best, await page.evaluate<number>(paint));
    }
    expect(best).toBeLessThan(200);
  });

  test('200 SuperSlabs are drawn twice a second at 30 frames per second', async () => {
    const views = Array.from({ length: 200 * 64 }, () => arena.allocUnsafe(32_768));
    const { page } = await visit({ viewport: { width: 1440, height: 900 } });
    await page.getByRole('img', { name: /Map of shown: 20\d SuperSlabs/ }).waitFor();
    const ticking = setInterval(() => {
      for (let i = 0; i < 500; i++) arena.free(views.pop()!);
    }, 250);
    const intervals = await page.evaluate<number[]>(`new Promise((resolve) => {
      const times = [];
      const frame = (time) => {
        times.push(time);
        if (time - times[0] < 4000) requestAnimationFrame(frame);
        else resolve(times.slice(1).map((at, i) => at - times[i]));
      };
      requestAnimationFrame(frame);
    })`);
    clearInterval(ticking);
    const inTime = intervals.filter((interval) => interval <= 1000 / 30);
    expect(inTime.length / intervals.length).toBeGreaterThan(0.9);
  });
});
