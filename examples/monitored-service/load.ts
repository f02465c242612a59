// Load: requests of many sizes for a while, and every answer checked.

import { createHash, randomBytes } from 'node:crypto';

const AT_ONCE = 8;
const MAX_BODY_BYTES = 100_000;

async function sendOne(url: string, body: Buffer): Promise<void> {
  const response = await fetch(`${url}/digest`, { method: 'POST', body: new Uint8Array(body) });
  const text = (await response.text()).trim();
  const expected = createHash('sha256').update(body).digest('hex');
  if (response.status !== 200 || text !== expected) {
    throw new Error(`wrong answer to ${body.length} bytes: ${response.status} ${text}`);
  }
}

/** Resolves to how many requests were sent and answered. */
export async function sendRequests(url: string, milliseconds: number): Promise<number> {
  const bytes = randomBytes(MAX_BODY_BYTES);
  const end = Date.now() + milliseconds;
  let sent = 0;
  const client = async (): Promise<void> => {
    while (Date.now() < end) {
      await sendOne(url, bytes.subarray(0, 1 + ((sent++ * 7919) % MAX_BODY_BYTES)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return sent;
}
