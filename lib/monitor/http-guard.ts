/**
 * Guard: which requests the monitor answers, and the headers that keep its answers to itself.
 *
 * A page of another site can make a browser send requests to 127.0.0.1. Without CORS headers it cannot
 * read the answers, unless it makes its own name resolve to 127.0.0.1 (DNS rebinding); then the Host
 * header still has that name, and is refused here.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

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
export function isAllowedHost(
  header: string | undefined,
  allowedHosts: ReadonlySet<string>,
): boolean {
  if (header === undefined) return false;
  const name = hostNameOf(header);
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  return allowedHosts.has(name);
}

export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Why a request is refused; undefined: it is not. */
export function refusalOf(
  request: IncomingMessage,
  allowedHosts: ReadonlySet<string>,
): Refusal | undefined {
  if (!isAllowedHost(request.headers.host, allowedHosts)) {
    return { status: 403, text: 'This host name is not in the allowedHosts of the monitor.' };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, text: 'The monitor is read-only: GET and HEAD.' };
  }
  return undefined;
}
