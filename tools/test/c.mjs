// The core under test, in one of four ways; each file says what its options are.
//
//   npm run test:c -- [--filter heap ...]        every C test: tools/test/unit-c.mjs
//   npm run test:c -- --stress [--ops N ...]     threads on the core, every block checked: stress-c.mjs
//   npm run test:c -- --fuzz [SECONDS ...]       clang's libFuzzer: fuzz-c.mjs
//   npm run test:c -- --sanitize [--full ...]    the addon from JavaScript, watched: sanitized.mjs

const WAYS = {
  '--stress': './stress-c.mjs',
  '--fuzz': './fuzz-c.mjs',
  '--sanitize': './sanitized.mjs',
};

const way = WAYS[process.argv[2]];
if (way !== undefined) process.argv.splice(2, 1);
await import(way ?? './unit-c.mjs');
