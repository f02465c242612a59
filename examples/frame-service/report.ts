// What is about to be run, and what came out of it as JSON.

import { aboutMachine, type Run } from '../support/report';
import { count } from '../support/table';
import type { Options } from './cli';
import type { Input } from './input';
import type { Reads } from './scenario';

const READS_TEXT: Record<Reads, string> = {
  buffer: 'one buffer of its own',
  events: "'data' events",
};

const MB = 1e6;

/** @returns what is about to be run, in a few lines. */
export function formatHeading(options: Options, input: Input): string {
  const { scenario } = options;
  const used = Math.min(input.bytes, scenario.maxInputBytes);
  const first = used < input.bytes ? `the first ${megabytes(used)} of ` : '';
  const files = input.files.length === 1 ? '' : ` in ${input.files.length} files`;
  const sizes = `mix '${scenario.mix}', ${scenario.minBytes}..${scenario.maxBytes} bytes`;
  const kept = scenario.keep === 0 ? 'no frames' : `the latest ${count(scenario.keep)} frames`;
  return [
    `input    ${first}${scenario.path} (${megabytes(input.bytes)}${files})`,
    `frames   ${count(scenario.frames)}, ${sizes}, seed ${scenario.seed}`,
    `traffic  connections: ${scenario.connections}, frames in flight on each: ${scenario.window}`,
    `service  reads from ${READS_TEXT[scenario.reads]}, keeps ${kept}`,
  ].join('\n');
}

/** @returns the whole result as JSON; fields are only ever added. */
export function formatJson(options: Options, input: Input, runs: readonly Run[]): string {
  const scenario = { ...options.scenario, inputFiles: input.files.length, inputBytes: input.bytes };
  return JSON.stringify({ version: 1, ok: true, machine: aboutMachine(), scenario, runs }, null, 2);
}

function megabytes(bytes: number): string {
  return bytes < MB ? `${count(bytes)} bytes` : `${count(bytes / MB, 1)} MB`;
}
