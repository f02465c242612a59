/**
 * Metrics route: text for Prometheus, from the caller's registry or from one of the monitor's own. The
 * latter needs the optional peer prom-client, loaded on the first request for it.
 */
import { createRequire } from 'node:module';

/**
 * What the monitor needs of a registry of prom-client.
 *
 * @example
 * import { register } from 'prom-client';
 * const mine: MetricsRegister = register;
 */
export interface MetricsRegister {
  /** Of the text, for the response's header. */
  readonly contentType: string;
  /** All metrics as text. */
  metrics(): Promise<string>;
}

interface PromClient {
  Registry: new () => MetricsRegister;
}

interface Collector {
  collectHeapStats(register: MetricsRegister): unknown;
}

const load = createRequire(__filename);

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
}

/** A registry with the metrics of all arenas; undefined: prom-client is not installed. */
export function ownRegister(): MetricsRegister | undefined {
  let client: PromClient;
  try {
    client = load('prom-client') as PromClient;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const register = new client.Registry();
  (load('../prometheus') as Collector).collectHeapStats(register);
  return register;
}
