/**
 * Errors: every code this package throws, and the one place that maps a status of the core to one.
 *
 * Codes are permanent; messages may change.
 */
import { inspect } from 'node:util';

/**
 * The codes of this package.
 *
 * | code | when |
 * |---|---|
 * | `ERR_HAKMEM_ARENA_DESTROYED` | anything after `destroy()` |
 * | `ERR_HAKMEM_DOUBLE_FREE` | the view is free already |
 * | `ERR_HAKMEM_NATIVE_LOAD` | the addon cannot be loaded, or is not the one of this package |
 * | `ERR_HAKMEM_NOT_OWNED` | not allocated by this arena |
 * | `ERR_HAKMEM_OUT_OF_MEMORY` | a limit, or the operating system |
 * | `ERR_HAKMEM_STALE_VIEW` | invalidated by a reset, or its memory is gone |
 *
 * @example
 * const mine: HakmemErrorCode = 'ERR_HAKMEM_NOT_OWNED';
 * const isNotMine = (error: unknown) => error instanceof HakmemError && error.code === mine;
 */
export type HakmemErrorCode =
  | 'ERR_HAKMEM_ARENA_DESTROYED'
  | 'ERR_HAKMEM_DOUBLE_FREE'
  | 'ERR_HAKMEM_NATIVE_LOAD'
  | 'ERR_HAKMEM_NOT_OWNED'
  | 'ERR_HAKMEM_OUT_OF_MEMORY'
  | 'ERR_HAKMEM_STALE_VIEW';

/** The codes with their base message. */
export const HAKMEM_ERRORS: Readonly<Record<HakmemErrorCode, string>> = {
  ERR_HAKMEM_ARENA_DESTROYED: 'The arena is destroyed',
  ERR_HAKMEM_DOUBLE_FREE: 'The view is already free',
  ERR_HAKMEM_NATIVE_LOAD: 'The native part of hakmem-arena could not be loaded',
  ERR_HAKMEM_NOT_OWNED: 'The view was not allocated by this arena',
  ERR_HAKMEM_OUT_OF_MEMORY: 'Out of memory',
  ERR_HAKMEM_STALE_VIEW: 'The view was invalidated by reset(), destroy() or a detached ArrayBuffer',
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
    super(HAKMEM_ERRORS[code] + (detail === '' ? '' : `: ${detail}`), options);
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
   * 'table': 16 GB of SuperSlabs per arena.
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
};

function withCode<E extends Error>(error: E, code: string): E & { code: string } {
  return Object.assign(error, { code });
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
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value.constructor as { name?: unknown } | undefined)?.name;
    return typeof name === 'string' && name !== ''
      ? `Received an instance of ${name}`
      : `Received ${inspect(value, { depth: -1 })}`;
  }
  return `Received type ${typeof value} (${inspect(value).slice(0, 28)})`;
}

/** `ERR_INVALID_ARG_TYPE` in Node's words: `expected` completes "must be ...". */
export function invalidArgType(name: string, expected: string, value: unknown): TypeError {
  const kind = name.includes('.') ? 'property' : 'argument';
  const message = `The "${name}" ${kind} must be ${expected}. ${received(value)}`;
  return withCode(new TypeError(message), 'ERR_INVALID_ARG_TYPE');
}

/** `ERR_OUT_OF_RANGE` in Node's words. */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${looksOf(value)}`;
  return withCode(new RangeError(message), 'ERR_OUT_OF_RANGE');
}

/** `ERR_INVALID_ARG_VALUE` in Node's words. */
export function invalidArgValue(name: string, reason: string, value: unknown): TypeError {
  const kind = name.includes('.') ? 'property' : 'argument';
  const message = `The ${kind} '${name}' ${reason}. Received ${looksOf(value)}`;
  return withCode(new TypeError(message), 'ERR_INVALID_ARG_VALUE');
}

/** `ERR_INVALID_STATE` in Node's words. */
export function invalidState(what: string): Error {
  return withCode(new Error(`Invalid state: ${what}`), 'ERR_INVALID_STATE');
}

/** `ERR_ILLEGAL_CONSTRUCTOR` in Node's words. */
export function illegalConstructor(): TypeError {
  return withCode(new TypeError('Illegal constructor'), 'ERR_ILLEGAL_CONSTRUCTOR');
}
