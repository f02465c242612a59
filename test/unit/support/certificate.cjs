// A key and a certificate for localhost. CommonJS, for jest and for programs of test/hostile alike.

const { execFileSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const REQUEST =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost';

let made;

/** Made once for each process. */
exports.selfSigned = function selfSigned() {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', [...REQUEST.split(' '), ...files], { stdio: 'pipe' });
    made = { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
  return made;
};
