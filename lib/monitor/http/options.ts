/**
 * Options of the monitor, checked.
 */
import { invalidArgType, invalidArgValue, outOfRange } from '../../errors';
import { ownOptions } from '../../base/own-options';
import type { MetricsRegister } from './metrics';
import type { ListenOptions, MonitorOptions } from './types';

const DEFAULT_TITLE = 'hakmem-arena';
const DEFAULT_PORT = 6464;
const DEFAULT_HOST = '127.0.0.1';

/** {@link MonitorOptions} with nothing left open. */
export interface CheckedMonitorOptions {
  readonly title: string;
  readonly basePath: string;
  readonly allowedHosts: ReadonlySet<string>;
  readonly register: MetricsRegister | undefined;
}

function checkObject(value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw invalidArgType('options', 'of type object', value);
  }
}

function checkString(name: string, value: unknown): void {
  if (typeof value !== 'string') {
    throw invalidArgType(`options.${name}`, 'of type string', value);
  }
}

function checkRegister(register: unknown): void {
  if (register === undefined) return;
  const { metrics } = (register ?? {}) as { metrics?: unknown };
  if (typeof metrics === 'function') return;
  throw invalidArgType('options.register', 'a registry of prom-client', register);
}

function checkBasePath(basePath: string): void {
  if (basePath === '' || (/^\/[\w./~-]*$/.test(basePath) && !basePath.endsWith('/'))) return;
  throw invalidArgValue('options.basePath', "must be '' or a path like '/memory'", basePath);
}

function checkedHosts(hosts: unknown): ReadonlySet<string> {
  if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === 'string')) {
    throw invalidArgType('options.allowedHosts', 'an array of strings', hosts);
  }
  return new Set(hosts.map((host) => host.toLowerCase()));
}

export function checkedMonitorOptions(options: MonitorOptions): CheckedMonitorOptions {
  checkObject(options);
  const own = ownOptions(options);
  const { title = DEFAULT_TITLE, basePath = '', allowedHosts = [], register } = own;
  checkString('title', title);
  checkString('basePath', basePath);
  checkBasePath(basePath);
  checkRegister(register);
  return { title, basePath, allowedHosts: checkedHosts(allowedHosts), register };
}

function checkPort(port: unknown): void {
  if (typeof port !== 'number') throw invalidArgType('options.port', 'of type number', port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw outOfRange('options.port', 'an integer >= 0 && <= 65535', port);
  }
}

export function checkedListenOptions(options: ListenOptions): Required<ListenOptions> {
  checkObject(options);
  const { port = DEFAULT_PORT, host = DEFAULT_HOST } = ownOptions(options);
  checkString('host', host);
  // To Node that means every address of this machine.
  if (host === '') throw invalidArgValue('options.host', 'must not be empty', host);
  checkPort(port);
  return { port, host };
}
