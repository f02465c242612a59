/** Backend choice: what the environment says of it. */
import { attempt } from './identity';

/** The variable of the environment that forces one. */
export const BACKEND_VARIABLE = 'HAKMEM_BACKEND';

/** What the variable says; undefined: nothing, or nobody may read it. */
export function forcedBackend(): string | undefined {
  const value = attempt(() => process.env[BACKEND_VARIABLE]) ?? '';
  return value === '' ? undefined : value;
}

/** Whether it names no backend; then it counts as not set. */
export function isBackendWrong(): boolean {
  const forced = forcedBackend();
  return forced !== undefined && forced !== 'native' && forced !== 'wasm';
}
