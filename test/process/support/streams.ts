/**
 * Streams: what several suites need of real ones.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** All that arrives. */
export async function received(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** A key and a certificate for localhost, made once for each folder. */
export function selfSigned(into: string): [key: Buffer, certificate: Buffer] {
  const [key, cert] = [path.join(into, 'key.pem'), path.join(into, 'cert.pem')];
  if (!fs.existsSync(cert)) {
    const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost`;
    execFileSync('openssl', [...request.split(' '), '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    });
  }
  return [fs.readFileSync(key), fs.readFileSync(cert)];
}
