// Child process: autocannon. Each connection asks for all files in turns, each from another one on, and every
// body is compared.

import autocannon from 'autocannon';
import { type LoadClient, runLoadClient, type Sheet } from '../support/client-process';
import type { Plan } from '../support/plan';
import { textFiles } from './files';

/** How often autocannon looks whether it is done. */
const LOOK_EVERY_MS = 100;

class Autocannon implements LoadClient {
  readonly port = 0;
  readonly #files = textFiles();
  readonly #lanes: number;
  #url = '';

  constructor({ lanes }: Plan) {
    this.#lanes = lanes;
  }

  connect(port: number): Promise<void> {
    this.#url = `http://127.0.0.1:${port}`;
    return Promise.resolve();
  }

  /** Resolves with the last response; autocannon itself is done when it looks next. */
  async play(from: number, end: number, sheet: Sheet): Promise<void> {
    let next = from;
    await new Promise<void>((resolve, reject) => {
      let bytes = 0;
      const requests = this.#files.map(({ name, text }) => ({
        path: `/${name}`,
        onResponse(status: number, body: string) {
          if (status !== 200 || body !== text)
            reject(new Error(`GET /${name}: not what was stored`));
          bytes = body.length;
        },
      }));
      let begun = 0;
      const options = {
        url: this.#url,
        amount: end - from,
        connections: this.#lanes,
        sampleInt: LOOK_EVERY_MS,
        bailout: 1,
        requests,
        setupClient(client: autocannon.Client) {
          const first = (begun++ * 37) % requests.length;
          client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
        },
      };
      const run = autocannon(options, (error: Error | null, { errors, timeouts }) => {
        if (error !== null) reject(error);
        else if (errors + timeouts > 0) reject(new Error(`autocannon counts ${errors} errors`));
      });
      run.on('response', (_client, _status, _bytes, ms) => {
        sheet.note(next++, bytes, ms);
        if (next === end) resolve();
      });
    });
  }

  close(): void {
    // Its connections have been closed with the last response.
  }
}

runLoadClient((plan) => Promise.resolve(new Autocannon(plan)));
