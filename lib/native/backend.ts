/**
 * Backend: which of the two does the bookkeeping, the addon or the core as WebAssembly, and why. The second is for where
 * no addon may or can be loaded, and where memory that is not the engine's own cannot be shown to JavaScript.
 */
import { HakmemError } from '../errors';
import type { BackendInfo } from '../base/backend-info';
import { setDepth } from '../base/stack';
import { adviceFor } from './advice';
import { BACKEND_VARIABLE, forcedBackend } from './backend-choice';
import { ENTRIES, type Native } from './entries';
import { WrongAddon, attempt } from './identity';
import { ROOT, loadAddon } from './loader';
import { findMover } from './mover';
import type * as WasmBackend from './wasm/backend';

export interface Backend extends BackendInfo {
  readonly native: Native;
  /** Nobody has asked for it: it is what there was. */
  readonly isFallback: boolean;
}

const NO_EXTERNAL_MEMORY =
  'this runtime does not let memory of native code be an ArrayBuffer, as Electron does not';

function loadNative(): Native {
  const addon = loadAddon(ENTRIES) as Native;
  const move = findMover();
  if (move !== undefined) addon.setMover(move);
  if (addon.stackDepth !== undefined) setDepth(addon.stackDepth);
  return addon;
}

/** Loaded only when it is used: the module is long. */
function loadWasm(): Native {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createWasmBackend } = require('./wasm/backend') as typeof WasmBackend;
  return createWasmBackend();
}

/** As the addon that does not load is no reason for an error when the other one does. */
function fallBack(reason: string, cause?: unknown): Backend {
  try {
    return { name: 'wasm', reason, native: loadWasm(), isFallback: true };
  } catch {
    throw new HakmemError('ERR_HAKMEM_NATIVE_LOAD', reason, { cause });
  }
}

/** Whether somebody has said where the addon is. */
const isPlaceNamed = (): boolean =>
  (attempt(() => process.env['HAKMEM_ARENA_PREBUILD']) ?? '') !== '';

/**
 * Without an addon, or leave to load it, the other backend will do. An addon that is not this package's, or is not where
 * somebody has said, is a fault of the installation, which they have to know of.
 */
function chooseByItself(): Backend {
  try {
    const native = loadNative();
    if (!native.externalBuffers) return fallBack(NO_EXTERNAL_MEMORY);
    return { name: 'native', reason: 'the addon loads', native, isFallback: false };
  } catch (error) {
    const advice = adviceFor(error, ROOT);
    if (!(error instanceof WrongAddon) && !isPlaceNamed()) return fallBack(advice, error);
    throw new HakmemError('ERR_HAKMEM_NATIVE_LOAD', advice, { cause: error });
  }
}

function forceNative(reason: string): Backend {
  try {
    const native = loadNative();
    return { name: 'native', reason, native, isFallback: false };
  } catch (error) {
    throw new HakmemError('ERR_HAKMEM_NATIVE_LOAD', adviceFor(error, ROOT), { cause: error });
  }
}

/**
 * Loads one.
 *
 * @throws HakmemError ERR_HAKMEM_NATIVE_LOAD
 */
export function chooseBackend(): Backend {
  const forced = forcedBackend();
  const reason = `${BACKEND_VARIABLE}=${forced} is set`;
  if (forced === 'native') return forceNative(reason);
  if (forced !== 'wasm') return chooseByItself();
  return { name: 'wasm', reason, native: loadWasm(), isFallback: false };
}
