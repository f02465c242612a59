// What a child process of these tests tells: the call it is in, so that a crash can be named, and at its
// end every call that did what it must not.

import { closeSync, openSync, writeSync } from 'node:fs';

const LINE_LENGTH = 240;

/** The file is named by the environment; without one nothing is kept. */
const file = process.env.LAST_CALL_FILE ? openSync(process.env.LAST_CALL_FILE, 'w') : undefined;

/** Says which call comes next. */
export function announce(call) {
  if (file === undefined) return;
  writeSync(file, `${call.slice(0, LINE_LENGTH - 1).padEnd(LINE_LENGTH - 1)}\n`, 0);
}

const problems = [];
let calls = 0;

export function countCall() {
  calls++;
}

/** Remembers what went wrong in a call, up to a number that a reader can take in. */
export function complain(call, what) {
  if (problems.length < 25) problems.push(`${call}: ${what}`);
}

/** Prints the report, the last thing that a child does. */
export function finish() {
  if (file !== undefined) closeSync(file);
  console.log(JSON.stringify({ calls, problems }));
}
