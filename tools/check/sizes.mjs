// Files and folders of lib/ and csrc/ that are too large to be taken in at once.

import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesUnder } from '../build/recipe.mjs';

const MAX_LINES = 400;
const MAX_FILES = 15;

const SOURCE = /\.(ts|c|cc|h|css|html)$/;

/** Violations of the tree at `root`, each a line of text. */
export function checkSizes(root) {
  const folders = ['lib', 'csrc'].filter((folder) => existsSync(join(root, folder)));
  const files = folders.flatMap((folder) => filesUnder(folder, root)).filter(isSource);
  return [...longFiles(files, root), ...fullFolders(files)];
}

const isSource = (file) => SOURCE.test(file);

function longFiles(files, root) {
  return files.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    return lines > MAX_LINES
      ? [`${file}:${MAX_LINES + 1}: a file has at most ${MAX_LINES} lines`]
      : [];
  });
}

function fullFolders(files) {
  const folders = files.map((file) => posix.dirname(file));
  return [...new Set(folders)].flatMap((folder) => {
    const count = folders.filter((one) => one === folder).length;
    return count > MAX_FILES
      ? [`${folder}: has ${count} files; a folder has at most ${MAX_FILES}`]
      : [];
  });
}
