/**
 * Here: the file that the package's code runs from. That is this module, or the bundle that it was put in; and a
 * bundle of ES modules has no `__filename`. Never throws.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a stack says of the file that this function is in. A program may have replaced what makes stacks. */
function fileOfStack(): string | undefined {
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  try {
    Error.prepareStackTrace = (_error, frames) => frames[0]?.getFileName();
    const name = new Error().stack as unknown;
    return typeof name === 'string' && name.startsWith('file:') ? fileURLToPath(name) : undefined;
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

const ownFile: string | undefined =
  (typeof __filename as unknown) === 'string' ? __filename : undefined;

export const HERE: string = ownFile ?? fileOfStack() ?? fileOfProgram();
