// Child process: copies a file chunk by chunk, again and again, with several reads under way.
//
// When is a chunk's memory free again? While it is read it must not be touched: the kernel writes into
// it. Then it goes to the stream, which has done with it when it calls back: `freeAfterWrite`.

import { once } from 'node:events';
import { closeSync, createWriteStream, openSync, readSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Memory } from '../support/memory';
import { Pattern } from '../support/pattern';
import { type Plan, Spoiler } from '../support/plan';
import { type Program, runProgramProcess } from '../support/program-process';

const CHUNK_BYTES = 64 * 1024;
/** Of the file, so that it stays in the page cache. The last chunk is not a whole one. */
const FILE_CHUNKS = 256;
const FILE_BYTES = FILE_CHUNKS * CHUNK_BYTES - 4321;

class CopyProgram implements Program {
  readonly #memory: Memory;
  readonly #spoiler: Spoiler;
  readonly #ahead: number;
  readonly #folder: string;
  readonly #source: FileHandle;
  readonly #expected: Buffer;
  /** The copy is read into it to be compared: always the same memory, so that it is not measured. */
  readonly #scratch = Buffer.alloc(FILE_BYTES + 1);

  constructor(memory: Memory, plan: Plan, folder: string, source: FileHandle, expected: Buffer) {
    this.#memory = memory;
    this.#spoiler = new Spoiler(plan);
    this.#ahead = plan.lanes;
    this.#folder = folder;
    this.#source = source;
    this.#expected = expected;
  }

  async run(from: number, end: number, latenciesMs: Float64Array): Promise<number> {
    let bytes = 0;
    for (let chunk = from; chunk < end; chunk += FILE_CHUNKS) {
      const count = Math.min(FILE_CHUNKS, end - chunk);
      bytes += await this.#copy(count, latenciesMs.subarray(chunk - from));
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#source.close();
    await rm(this.#folder, { recursive: true });
  }

  /** Copies the first `count` chunks, and compares. */
  async #copy(count: number, latenciesMs: Float64Array): Promise<number> {
    const target = createWriteStream(join(this.#folder, 'target'));
    const reads: Promise<Buffer>[] = [];
    const began: number[] = [];
    for (let chunk = 0; chunk < count; chunk++) {
      while (reads.length < count && reads.length < chunk + this.#ahead) {
        began.push(performance.now());
        reads.push(this.#read(reads.length));
      }
      const bytes = await reads[chunk]!;
      this.#spoiler.pass(bytes);
      this.#memory.write(target, bytes);
      if (target.writableNeedDrain) await once(target, 'drain');
      latenciesMs[chunk] = performance.now() - began[chunk]!;
    }
    target.end();
    await once(target, 'close');
    return this.#compare(Math.min(count * CHUNK_BYTES, FILE_BYTES));
  }

  #compare(bytes: number): number {
    const target = openSync(join(this.#folder, 'target'), 'r');
    let filled = 0;
    for (let read = -1; read !== 0; filled += read) {
      read = readSync(target, this.#scratch, filled, this.#scratch.length - filled, null);
    }
    closeSync(target);
    const right = this.#scratch.compare(this.#expected, 0, bytes, 0, filled) === 0;
    if (!right) throw new Error('the copy is not what was copied');
    return bytes;
  }

  /** One chunk into memory of exactly its length. */
  async #read(chunk: number): Promise<Buffer> {
    const at = chunk * CHUNK_BYTES;
    const buffer = this.#memory.allocate(Math.min(CHUNK_BYTES, FILE_BYTES - at));
    for (let filled = 0; filled < buffer.length;) {
      const { bytesRead } = await this.#source.read(
        buffer,
        filled,
        buffer.length - filled,
        at + filled,
      );
      if (bytesRead === 0) throw new Error('the source has become shorter');
      filled += bytesRead;
    }
    return buffer;
  }
}

async function openProgram(memory: Memory, plan: Plan): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'hakmem-file-copy-'));
  const source = join(folder, 'source');
  const expected = new Pattern(FILE_BYTES).slice(1, FILE_BYTES);
  await writeFile(source, expected);
  return new CopyProgram(memory, plan, folder, await open(source), expected);
}

runProgramProcess(openProgram);
