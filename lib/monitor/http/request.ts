/**
 * Request: what a request says, read so that neither version of HTTP nor a changed Object.prototype matters.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { ownProperty } from '../../base/own-options';

/** Of `node:http`, or of `node:http2`. */
export type Request = IncomingMessage | Http2ServerRequest;

/**
 * All values of a header, by its name in lower case. From the headers as they came: in `request.headers` Node
 * leaves out what Object.prototype seems to have already, and keeps one value of several.
 */
export function headerValues(request: Request, name: string): string[] {
  const { rawHeaders } = request as { rawHeaders?: readonly string[] };
  if (!Array.isArray(rawHeaders)) {
    const value = ownProperty(request.headers, name);
    return typeof value === 'string' ? [value] : [];
  }
  const list = rawHeaders as readonly string[];
  return list.filter((_value, i) => i % 2 === 1 && list[i - 1]!.toLowerCase() === name);
}

/** Names that led here: `Host`, and in HTTP/2 `:authority`, of which a request may have both. */
export function hostsOf(request: Request): string[] {
  return [...headerValues(request, ':authority'), ...headerValues(request, 'host')];
}

const pathOf = (url: string): string => url.split('?', 1)[0]!;

/** The part of the path behind `basePath`; undefined: the request is not for the monitor. */
export function ownPath(request: Request, basePath: string): string | undefined {
  const path = pathOf(request.url ?? '/');
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : undefined;
}

/** The path that the browser asked for: middleware may have taken the mount point off `url`. */
export function askedPath(request: Request): string {
  const originalUrl = ownProperty(request, 'originalUrl');
  return pathOf(typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/'));
}
