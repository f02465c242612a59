/**
 * Errors: every code this package throws, and the one place that maps a status of the core to one.
 *
 * Codes are permanent; messages may change.
 */
import { inspect } from 'node:util';
import { printable, printableLines } from './base/printable';

/**
 * The codes of this package.
 *
 * | code | when |
 * |---|---|
 * | `ERR_HAKMEM_ARENA_DESTROYED` | anything after `destroy()` |
 * | `ERR_HAKMEM_CHANNEL_CLOSED` | one of the channel's ends is closed, or its thread has ended |
 * | `ERR_HAKMEM_CHANNEL_DAMAGED` | somebody else has written into the channel's shared memory |
 * | `ERR_HAKMEM_DOUBLE_FREE` | the view is free already |
 * | `ERR_HAKMEM_NATIVE_LOAD` | the addon cannot be loaded, or is not the one of this package; or only it can do what was asked for |
 * | `ERR_HAKMEM_NOT_OWNED` | not allocated by this arena |
 * | `ERR_HAKMEM_OUT_OF_MEMORY` | a limit, or the operating system |
 * | `ERR_HAKMEM_STALE_VIEW` | invalidated by a reset, or its memory is gone |
 * | `ERR_HAKMEM_TICKET` | no ticket, or adopted, recalled or revoked |
 *
 * @example
 * const mine: HakmemErrorCode = 'ERR_HAKMEM_NOT_OWNED';
 * const isNotMine = (error: unknown) => error instanceof HakmemError && error.code === mine;
 */
export type HakmemErrorCode =
  | 'ERR_HAKMEM_ARENA_DESTROYED'
  | 'ERR_HAKMEM_CHANNEL_CLOSED'
  | 'ERR_HAKMEM_CHANNEL_DAMAGED'
  | 'ERR_HAKMEM_DOUBLE_FREE'
  | 'ERR_HAKMEM_NATIVE_LOAD'
  | 'ERR_HAKMEM_NOT_OWNED'
  | 'ERR_HAKMEM_OUT_OF_MEMORY'
  | 'ERR_HAKMEM_STALE_VIEW'
  | 'ERR_HAKMEM_TICKET';

/** The codes with their base message. */
export const HAKMEM_ERRORS: Readonly<Record<HakmemErrorCode, string>> = {
  ERR_HAKMEM_ARENA_DESTROYED: 'The arena is destroyed',
  ERR_HAKMEM_CHANNEL_CLOSED: 'The channel is closed',
  ERR_HAKMEM_CHANNEL_DAMAGED: 'The shared memory of the channel is damaged',
  ERR_HAKMEM_DOUBLE_FREE: 'The view is already free',
  ERR_HAKMEM_NATIVE_LOAD: 'The native part of hakmem-arena could not be loaded',
  ERR_HAKMEM_NOT_OWNED: 'The view was not allocated by this arena',
  ERR_HAKMEM_OUT_OF_MEMORY: 'Out of memory',
  ERR_HAKMEM_STALE_VIEW: 'The view was invalidated by reset(), destroy() or a detached ArrayBuffer',
  ERR_HAKMEM_TICKET: 'The ticket is none, or was adopted, recalled or revoked',
};

/**
 * An error of the allocator; test `code`, not the message: messages may change. Arguments of a wrong
 * type or range are Node's own TypeErrors and RangeErrors with Node's codes.
 *
 * @example
 * try {
 *   arena.free(Buffer.from('not of this arena'));
 * } catch (error) {
 *   if (!(error instanceof HakmemError)) throw error;
 *   console.log(error.code); // ERR_HAKMEM_NOT_OWNED
 * }
 */
export class HakmemError extends Error {
  /** What went wrong; permanent. */
  readonly code: HakmemErrorCode;

  /** @internal */
  constructor(code: HakmemErrorCode, detail = '', options?: ErrorOptions) {
    super(HAKMEM_ERRORS[code] + (detail === '' ? '' : `: ${printableLines(detail)}`), options);
    this.code = code;
  }

  /** @internal */
  override get name(): string {
    return 'HakmemError';
  }
}

/**
 * `ERR_HAKMEM_OUT_OF_MEMORY`, with the numbers. The arena is as it was before the call.
 *
 * @example
 * const small = new Arena({ maxBytes: 128 * 1024 });
 * try {
 *   small.allocUnsafe(1024 * 1024);
 * } catch (error) {
 *   if (!(error instanceof OutOfMemoryError)) throw error;
 *   console.log(error.reason, error.requestedBytes, error.maxBytes); // limit 1048576 131072
 * }
 */
export class OutOfMemoryError extends HakmemError {
  /**
   * 'limit': the arena's `maxBytes`; 'process': `HAKMEM_MAX_MEMORY_MB`; 'os': the operating system;
   * 'table': 8192 SuperSlabs or huge mappings per arena.
   */
  readonly reason: 'limit' | 'os' | 'process' | 'table';
  /** Bytes of the request that failed. */
  readonly requestedBytes: number;
  /** Bytes in use by the arena: what `maxBytes` limits. */
  readonly usedBytes: number;
  /** The arena's `maxBytes`; 0: no limit. */
  readonly maxBytes: number;

  /** @internal */
  constructor(
    reason: OutOfMemoryError['reason'],
    text: string,
    numbers: { requestedBytes: number; usedBytes: number; maxBytes: number },
  ) {
    const { requestedBytes, usedBytes, maxBytes } = numbers;
    const limit = maxBytes === 0 ? 'no limit' : `maxBytes ${maxBytes}`;
    super(
      'ERR_HAKMEM_OUT_OF_MEMORY',
      `${text} (requested ${requestedBytes} bytes, in use ${usedBytes}, ${limit})`,
    );
    this.reason = reason;
    this.requestedBytes = requestedBytes;
    this.usedBytes = usedBytes;
    this.maxBytes = maxBytes;
  }
}

/** @internal The `reason` of a status of the core that says "out of memory". */
export function reasonOf(status: string): OutOfMemoryError['reason'] {
  if (status.endsWith('LIMIT')) return 'limit';
  if (status.endsWith('PROCESS')) return 'process';
  return status.endsWith('TABLE') ? 'table' : 'os';
}

/** How statuses of the core appear to JavaScript. A status that only our own mistake can cause maps to null. */
export const STATUS_CODES: Readonly<Record<string, HakmemErrorCode | null>> = {
  OK: null,
  OUT_OF_MEMORY_OS: 'ERR_HAKMEM_OUT_OF_MEMORY',
  OUT_OF_MEMORY_LIMIT: 'ERR_HAKMEM_OUT_OF_MEMORY',
  OUT_OF_MEMORY_TABLE: 'ERR_HAKMEM_OUT_OF_MEMORY',
  OUT_OF_MEMORY_PROCESS: 'ERR_HAKMEM_OUT_OF_MEMORY',
  INVALID_ARGUMENT: null,
  NOT_OWNED: 'ERR_HAKMEM_NOT_OWNED',
  DOUBLE_FREE: 'ERR_HAKMEM_DOUBLE_FREE',
  SLAB_BUSY: null,
  ARENA_DESTROYED: 'ERR_HAKMEM_ARENA_DESTROYED',
  BAD_TICKET: 'ERR_HAKMEM_TICKET',
};

/** An error of Node's kind. `message` may quote what was given, so that it must do nothing to a terminal. */
function nodeError<E extends Error>(
  kind: new (message: string) => E,
  code: string,
  message: string,
): E & { code: string } {
  return Object.assign(new kind(printableLines(message)), { code });
}

/** What a value looks like; a hostile one must not put its own error in the place of ours. */
function looksOf(value: unknown): string {
  try {
    return inspect(value, { depth: 1 });
  } catch {
    return 'something that cannot be looked at';
  }
}

function received(value: unknown): string {
  try {
    return nameOf(value);
  } catch {
    return 'Received something that cannot be looked at';
  }
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return `Received ${String(value)}`;
  if (typeof value === 'function') return `Received function ${printable(value.name)}`;
  if (typeof value === 'object') {
    const name = (value.constructor as { name?: unknown } | undefined)?.name;
    return typeof name === 'string' && name !== ''
      ? `Received an instance of ${printable(name)}`
      : `Received ${inspect(value, { depth: -1 })}`;
  }
  return `Received type ${typeof value} (${inspect(value).slice(0, 28)})`;
}

/** `ERR_INVALID_ARG_TYPE` in Node's words: `expected` completes "must be ...". */
export function invalidArgType(name: string, expected: string, value: unknown): TypeError {
  const kind = name.includes('.') ? 'property' : 'argument';
  const message = `The "${printable(name)}" ${kind} must be ${expected}. ${received(value)}`;
  return nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', message);
}

/** `ERR_OUT_OF_RANGE` in Node's words. */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
  const what = `The value of "${printable(name)}" is out of range`;
  const message = `${what}. It must be ${range}. Received ${looksOf(value)}`;
  return nodeError(RangeError, 'ERR_OUT_OF_RANGE', message);
}

/** `ERR_INVALID_ARG_VALUE` in Node's words. */
export function invalidArgValue(name: string, reason: string, value: unknown): TypeError {
  const kind = name.includes('.') ? 'property' : 'argument';
  const message = `The ${kind} '${printable(name)}' ${reason}. Received ${looksOf(value)}`;
  return nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', message);
}

/** `ERR_INVALID_STATE` in Node's words. */
export function invalidState(what: string): Error {
  return nodeError(Error, 'ERR_INVALID_STATE', `Invalid state: ${what}`);
}

/** `ERR_ILLEGAL_CONSTRUCTOR` in Node's words. */
export function illegalConstructor(): TypeError {
  return nodeError(TypeError, 'ERR_ILLEGAL_CONSTRUCTOR', 'Illegal constructor');
}
