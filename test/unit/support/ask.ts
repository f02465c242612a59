/**
 * Ask: requests exactly as written, which fetch would tidy up.
 */
import { type IncomingMessage, request as httpRequest } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly host?: string;
  /** Beside `host`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends exactly this path to a server of this machine, on a connection of its own. */
export function ask(
  port: number,
  path: string,
  { method = 'GET', host, headers: more }: Ask = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'close', ...(host === undefined ? {} : { host }), ...more };
    const options = { host: '127.0.0.1', port, path, method, headers };
    const sent = httpRequest(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode!, headers: response.headers, body });
      });
    });
    sent.on('error', reject).end();
  });
}
