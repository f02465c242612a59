/**
 * Chromium: the one that is installed; tests install nothing themselves.
 */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [
  process.env['CHROMIUM'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Undefined: there is none here. */
export const chromiumPath = PLACES.find((path) => path !== '' && existsSync(path));

/** The sandbox needs rights that containers often do not give; every page is our own. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'] });
}
