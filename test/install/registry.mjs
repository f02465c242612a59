// A registry of two packages on this machine: hakmem-arena as `npm publish` sends it, and node-gyp-build, which it
// depends on. So package managers meet the package as its users do, with the manifest that npm makes of it.
//
//   node test/install/registry.mjs FOLDER     keeps tarballs in FOLDER; prints its address; ends with its input

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [FOLDER] = process.argv.slice(2);

/** Old enough for managers that wait until a release has been out for some days. */
const RELEASED = '2020-01-01T00:00:00.000Z';

/** Name to its one manifest. */
const manifests = new Map();

const hashOf = (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding);

function add(manifest, tarball) {
  const data = readFileSync(tarball);
  const scripts = manifest.scripts ?? {};
  manifests.set(manifest.name, {
    ...manifest,
    hasInstallScript: ['preinstall', 'install', 'postinstall'].some((name) => name in scripts),
    dist: {
      tarball: `${address}/${manifest.name}/-/${basename(tarball)}`,
      shasum: hashOf('sha1', data, 'hex'),
      integrity: `sha512-${hashOf('sha512', data, 'base64')}`,
    },
  });
}

function addInstalled(name) {
  const folder = join(ROOT, 'node_modules', name);
  const options = ['--json', '--ignore-scripts', '--pack-destination', FOLDER];
  const report = JSON.parse(execFileSync('npm', ['pack', folder, ...options], { cwd: FOLDER }));
  const [{ filename }] = Array.isArray(report) ? report : Object.values(report);
  add(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')), join(FOLDER, filename));
}

/** What `npm publish` sends: a document with one version, and the tarball in it. */
function publish({ versions, _attachments }) {
  const [manifest] = Object.values(versions);
  const [[name, { data }]] = Object.entries(_attachments);
  const tarball = join(FOLDER, basename(name));
  writeFileSync(tarball, Buffer.from(data, 'base64'));
  add(manifest, tarball);
}

function documentOf(manifest) {
  const { name, version } = manifest;
  return {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: manifest },
    time: { created: RELEASED, modified: RELEASED, [version]: RELEASED },
  };
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const server = createServer(async (request, response) => {
  const [name, dash, file] = request.url.split('?')[0].split('/').slice(1);
  if (request.method === 'PUT') {
    publish(await bodyOf(request));
    response.writeHead(201).end('{}');
  } else if (dash === '-' && manifests.has(name)) {
    response.end(readFileSync(join(FOLDER, basename(file))));
  } else if (manifests.has(name)) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(documentOf(manifests.get(name))));
  } else {
    response.writeHead(404).end('{}');
  }
});

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${server.address().port}`;
addInstalled('node-gyp-build');
console.log(address);
process.stdin.resume().on('end', () => process.exit());
