// `npm audit` over what gets installed with the package. Fails on any known vulnerability; passes with
// a word where the registry does not answer audits.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  encoding: 'utf8',
  shell: process.platform === 'win32',
});
if (error) throw error;

const report = JSON.parse(stdout);
const total = report.metadata?.vulnerabilities?.total;
if (total === undefined) {
  console.log(
    `not checked: the registry does not answer audits (${report.message ?? 'no report'})`,
  );
} else {
  console.log(`${total} known vulnerabilities in what gets installed with the package`);
  if (total > 0) {
    console.error(Object.keys(report.vulnerabilities).join('\n'));
    process.exitCode = 1;
  }
}
