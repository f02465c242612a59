/**
 * Guard: which requests the monitor answers, and the headers that keep its answers to itself.
 *
 * A page of another site can make a browser send requests to 127.0.0.1. Without CORS headers it cannot
 * read the answers, but computing them costs time; the browser says where such a request comes from
 * (Sec-Fetch-Site, Origin), and it is refused. A page that makes its own name resolve to 127.0.0.1 (DNS
 * rebinding) is of the same origin to the browser; then the Host header still has that name, and is refused.
 */
import { isIP } from 'node:net';
import { headerValues, hostsOf, type Request } from './request';

/** On every response. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** The name in a Host header, without the port: 'localhost', '127.0.0.1', '::1'. */
function hostNameOf(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(header);
  if (bracketed) return bracketed[1]!;
  return header.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

/** true: no foreign name can have led here. An address cannot be rebound; other names must be listed. */
function isAllowedHost(header: string, allowedHosts: ReadonlySet<string>): boolean {
  const name = hostNameOf(header);
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  return allowedHosts.has(name);
}

/** Without the port that the scheme has by itself: the server does not know which one the browser used. */
function sameHost(one: string, other: string): boolean {
  const plain = (host: string): string => host.toLowerCase().replace(/:(80|443)$/, '');
  return plain(one) === plain(other);
}

/** An Origin is 'null', or a scheme and a host; a browser sends one with what another site may have caused. */
function isOwnOrigin(origin: string, hosts: readonly string[]): boolean {
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return host !== undefined && hosts.some((own) => sameHost(own, host));
}

/** A link to the page, followed: the only thing that another site may cause. The page itself is no secret. */
function isVisit(request: Request, path: string): boolean {
  const is = (name: string, value: string): boolean => {
    const values = headerValues(request, name);
    return values.length === 1 && values[0] === value;
  };
  return path === '/' && is('sec-fetch-mode', 'navigate') && is('sec-fetch-dest', 'document');
}

/** true: a browser says that another site caused this request. Programs say nothing of the kind. */
function isForeign(request: Request, path: string): boolean {
  const hosts = hostsOf(request);
  if (!headerValues(request, 'origin').every((origin) => isOwnOrigin(origin, hosts))) return true;
  const sites = headerValues(request, 'sec-fetch-site');
  if (sites.every((site) => site === 'same-origin' || site === 'none')) return false;
  return !isVisit(request, path);
}

export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Why a request for `path`, below the monitor, is refused; undefined: it is not. */
export function refusalOf(
  request: Request,
  path: string,
  allowedHosts: ReadonlySet<string>,
): Refusal | undefined {
  const hosts = hostsOf(request);
  if (hosts.length === 0 || !hosts.every((host) => isAllowedHost(host, allowedHosts))) {
    return { status: 403, text: 'This host name is not in the allowedHosts of the monitor.' };
  }
  if (isForeign(request, path)) {
    return { status: 403, text: 'The monitor answers no requests that another site has caused.' };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, text: 'The monitor is read-only: GET and HEAD.' };
  }
  return undefined;
}
