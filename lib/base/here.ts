/**
 * Here: the file that the package's code runs from. That is this module, or the bundle that it was put in: one of ES
 * modules has no `__filename`, and some bundlers put there where the file was on their machine. Never throws.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a stack says of the file that this function is in. A program may have replaced what makes stacks. */
function fileOfStack(): string | undefined {
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  try {
    Error.prepareStackTrace = (_error, frames) => frames[0]?.getFileName();
    const name = new Error().stack as unknown;
    if (typeof name !== 'string') return undefined;
    if (name.startsWith('file:')) return fileURLToPath(name);
    return isAbsolute(name) ? name : undefined;
  } catch {
    return undefined;
  } finally {
    if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Reflect.defineProperty(Error, 'prepareStackTrace', before);
  }
}

function fileOfProgram(): string {
  try {
    return process.argv[1] ?? join(process.cwd(), 'program');
  } catch {
    return join('/', 'program');
  }
}

/** undefined: there is none, or it is not on this machine, or nobody may know whether it is. */
function ownFile(): string | undefined {
  try {
    const isNamed = (typeof __filename as unknown) === 'string';
    return isNamed && existsSync(__filename) ? __filename : undefined;
  } catch {
    return undefined;
  }
}

export const HERE: string = ownFile() ?? fileOfStack() ?? fileOfProgram();
