// Child: one case on one rival, in this process and no other; prints its figures as JSON.
//
//   node child.js <case> <rival> full|quick

import { findCase } from './cases/index';

const [caseName, rival, effort] = process.argv.slice(2);

async function main(): Promise<void> {
  const figures = await findCase(caseName!).play(rival!, effort === 'quick');
  const peak = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(`${JSON.stringify({ ...figures, 'peak RSS': peak })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
});
