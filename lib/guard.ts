/**
 * Guard: memory of its own for sampled allocations, and the quarantine it goes through when freed.
 *
 * A block in quarantine is full of a pattern and still attached, because a write through a detached view
 * is lost without a trace: a late write, of JavaScript or of an operation under way, changes the pattern.
 * It is looked at twice: when the next one comes or a sample is passed over, so that the report is near the
 * deed, and when it leaves. Nobody else ever gets this memory, so it need not be detached then either: the
 * first detach in a process makes all code that touches typed arrays slower (measured: 10 % of random_mixed).
 */
import { native } from './native';
import { printable } from './printable';
import { GUARD_CHANNEL, placeOf, report, textOf, type Trace } from './reports';
import type { GuardReport } from './types';

/** What freed memory is full of: odd, not zero, not text. */
const PATTERN_BYTE = 0xdb;

const QUARANTINE_BLOCKS = 64;

export interface GuardedBlock {
  readonly arena: string;
  readonly size: number;
  readonly buffer: ArrayBuffer;
  readonly allocatedAt: Trace;
  freedAt: Trace | undefined;
}

let pattern = Buffer.alloc(4096, PATTERN_BYTE);

export class Quarantine {
  readonly #blocks: GuardedBlock[] = [];
  /** The youngest, until it is looked at. */
  #unseen: GuardedBlock | undefined;

  /** Takes a block that was freed just now. */
  add(block: GuardedBlock): void {
    new Uint8Array(block.buffer).fill(PATTERN_BYTE);
    this.look();
    this.#unseen = block;
    if (this.#blocks.push(block) > QUARANTINE_BLOCKS) check(this.#blocks.shift()!);
  }

  /** Looks at the youngest block, if nobody has yet. */
  look(): void {
    if (this.#unseen !== undefined) check(this.#unseen);
    this.#unseen = undefined;
  }

  /** Looks at all blocks for the last time. */
  end(): void {
    this.#unseen = undefined;
    for (const block of this.#blocks.splice(0)) check(block);
  }
}

/** Says that a block was freed again. */
export function reportDoubleFree(block: GuardedBlock): void {
  tell(block, 'double-free', -1);
}

/** Makes the view of a block that is live stale: its arena is reset or destroyed. */
export function discard(block: GuardedBlock): void {
  if (block.buffer.byteLength !== 0) native.detach(block.buffer);
}

function check(block: GuardedBlock): void {
  const { buffer } = block;
  const size = buffer.byteLength;
  if (pattern.length < size) pattern = Buffer.alloc(size, PATTERN_BYTE);
  if (pattern.compare(new Uint8Array(buffer), 0, size, 0, size) === 0) return;
  const bytes = new Uint8Array(buffer);
  tell(
    block,
    'late-write',
    bytes.findIndex((byte) => byte !== PATTERN_BYTE),
  );
  bytes.fill(PATTERN_BYTE);
}

function tell(block: GuardedBlock, kind: GuardReport['kind'], offset: number): void {
  const message: GuardReport = {
    arena: block.arena,
    kind,
    size: block.size,
    offset,
    allocatedAt: textOf(block.allocatedAt),
    freedAt: textOf(block.freedAt),
  };
  const what =
    kind === 'double-free' ? 'was freed twice' : `was written to at byte ${offset} after its free`;
  report(GUARD_CHANNEL, message, {
    code: 'HAKMEM_GUARD',
    place: `${kind} ${placeOf(message.allocatedAt)} ${placeOf(message.freedAt)}`,
    text:
      `A Buffer of ${message.size} bytes of arena "${printable(block.arena)}" ${what}.\n` +
      `Allocated:\n${message.allocatedAt}\nFreed:\n${message.freedAt}`,
  });
}
