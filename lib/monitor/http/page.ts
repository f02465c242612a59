/**
 * Page files: read once, before the first request, so that no request ever touches the file system.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownOptions } from '../../base/own-options';

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' } as const;

/** By the path they are served under. */
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/theme.css': 'style/theme.css',
  '/page.css': 'style/page.css',
  '/parts.css': 'style/parts.css',
  '/bytes-bar.js': 'bytes-bar.js',
  '/chart.js': 'chart.js',
  '/class-table.js': 'class-table.js',
  '/dom.js': 'dom.js',
  '/format.js': 'format.js',
  '/main.js': 'main.js',
  '/model.js': 'model.js',
  '/palette.js': 'palette.js',
  '/slab-grid.js': 'slab-grid.js',
  '/slab-map.js': 'slab-map.js',
  '/slab-paint.js': 'slab-paint.js',
  '/slab-words.js': 'slab-words.js',
  '/tiles.js': 'tiles.js',
};

/** The compiled page is in dist/, also when this file runs from lib/. */
const FOLDER = join(__dirname, '..', '..', '..', 'dist', 'monitor', 'page');

const AS_BYTES = ownOptions({ encoding: null, flag: 'r' });

let loaded: ReadonlyMap<string, PageFile> | undefined;

function load(): ReadonlyMap<string, PageFile> {
  const files = Object.entries(FILES).map(([path, name]): [string, PageFile] => {
    const extension = name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES;
    const type = `${TYPES[extension]}; charset=utf-8`;
    return [path, { type, body: readFileSync(join(FOLDER, name), AS_BYTES) }];
  });
  return new Map(files);
}

export function pageFiles(): ReadonlyMap<string, PageFile> {
  return (loaded ??= load());
}
