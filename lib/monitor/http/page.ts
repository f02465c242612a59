/**
 * Page files: all in memory, so that no request ever touches the file system.
 */
import { extname } from 'node:path';
import { PAGE_FILES } from './page-files';

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = { '.css': 'text/css', '.js': 'text/javascript' };

let loaded: ReadonlyMap<string, PageFile> | undefined;

function load(): ReadonlyMap<string, PageFile> {
  const files = Object.entries(PAGE_FILES).map(([path, text]): [string, PageFile] => {
    const type = TYPES[extname(path)] ?? 'text/html';
    return [path, { type: `${type}; charset=utf-8`, body: Buffer.from(text) }];
  });
  return new Map(files);
}

export function pageFiles(): ReadonlyMap<string, PageFile> {
  return (loaded ??= load());
}
