/**
 * Metrics route: text for Prometheus, from the caller's registry or from one of the monitor's own. The
 * latter needs the optional peer prom-client, loaded on the first request for it.
 */
import { createRequire } from 'node:module';
import { HERE } from '../../base/here';
import { type PromClient, type Registry, collectInto } from '../registry';

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

interface Client extends PromClient {
  readonly Registry: new () => Registry;
}

/** Bundlers see the first one, and leave it alone where it is not installed, because it is tried. */
function loadClient(): Client {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    return require('prom-client') as Client;
  } catch {
    return createRequire(HERE)('prom-client') as Client;
  }
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
}

/** A registry with the metrics of all arenas; undefined: prom-client is not installed. */
export function ownRegister(): MetricsRegister | undefined {
  let client: Client;
  try {
    client = loadClient();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const register = new client.Registry();
  collectInto(client, register);
  return register;
}
