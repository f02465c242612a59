/**
 * Guard: memory of its own for sampled allocations, and the quarantine it goes through when freed.
 *
 * A block in quarantine is full of a pattern, which a late write changes, of JavaScript or of an operation under way.
 * The block stays attached, because a write through a detached view is lost without a trace. It is looked at twice:
 * when the next one comes or a sample is passed over, so that the report is near the deed, and when it leaves. It is
 * not detached then either. Nobody else ever gets its memory, and the first detach in a process makes all code that
 * touches typed arrays slower (measured: 10 % of random_mixed).
 *
 * The program may take the memory away at any time, by a transfer or a byte stream, live or freed. That is a
 * finding, too, and the last one of the block.
 */
import { native } from '../native/native';
import { printable } from '../base/printable';
import { GUARD_CHANNEL, placeOf, report, textOf, type Trace } from '../events/reports';
import type { GuardReport } from '../types';
import { clearBytes, sizeOf } from '../view/kinds';

/** Freed memory is full of this byte: odd, not zero, not text. */
const PATTERN_BYTE = 0xdb;

const QUARANTINE_BLOCKS = 64;

export interface GuardedBlock {
  readonly arena: string;
  readonly size: number;
  readonly buffer: ArrayBuffer;
  readonly allocatedAt: Trace;
  freedAt: Trace | undefined;
  /** Its memory is gone: it was discarded, or somebody else has it and that was reported. */
  isLost: boolean;
}

let pattern = Buffer.alloc(4096, PATTERN_BYTE);

export class Quarantine {
  readonly #blocks: GuardedBlock[] = [];
  /** The youngest block, until it is looked at. */
  #unseen: GuardedBlock | undefined;

  /** Takes a block that was freed just now. */
  add(block: GuardedBlock): void {
    this.look();
    if (isTaken(block)) {
      lose(block, 'transfer');
      return;
    }
    new Uint8Array(block.buffer).fill(PATTERN_BYTE);
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
    for (let block = this.#blocks[0]; block !== undefined; block = this.#blocks[0]) {
      check(block);
      this.#blocks.shift();
    }
  }
}

/** Reports that a block was freed again. */
export function reportDoubleFree(block: GuardedBlock): void {
  tell(block, 'double-free');
}

/** Ends a live block whose arena is reset or destroyed: its view becomes stale, and its bytes are zeroed. */
export function discard(block: GuardedBlock): void {
  if (isTaken(block)) {
    lose(block, 'transfer');
  } else {
    clearBytes(block.buffer);
    native.detach(block.buffer);
    block.isLost = true;
  }
}

function isTaken(block: GuardedBlock): boolean {
  return sizeOf(block.buffer) === 0;
}

/** Reports once that somebody else has the memory. */
function lose(block: GuardedBlock, kind: GuardReport['kind']): void {
  if (!block.isLost) tell(block, kind);
  block.isLost = true;
}

function check(block: GuardedBlock): void {
  const { buffer, size } = block;
  if (isTaken(block)) {
    lose(block, 'late-transfer');
    return;
  }
  if (pattern.length < size) pattern = Buffer.alloc(size, PATTERN_BYTE);
  const bytes = new Uint8Array(buffer);
  if (pattern.compare(bytes, 0, size, 0, size) === 0) return;
  const offset = bytes.findIndex((byte) => byte !== PATTERN_BYTE);
  bytes.fill(PATTERN_BYTE);
  tell(block, 'late-write', offset);
}

function wordsFor(kind: GuardReport['kind'], offset: number): string {
  switch (kind) {
    case 'late-write':
      return `was written to at byte ${offset} after its free`;
    case 'double-free':
      return 'was freed twice';
    case 'transfer':
      return 'was transferred, or given to a byte stream: give copyOut(view) away instead';
    case 'late-transfer':
      return 'was transferred, or given to a byte stream, after its free';
  }
}

function tell(block: GuardedBlock, kind: GuardReport['kind'], offset = -1): void {
  report(() => {
    const message: GuardReport = {
      arena: block.arena,
      kind,
      size: block.size,
      offset,
      allocatedAt: textOf(block.allocatedAt),
      freedAt: textOf(block.freedAt),
    };
    const what = wordsFor(kind, offset);
    const freed = message.freedAt === '' ? '' : `\nFreed:\n${message.freedAt}`;
    return {
      channel: GUARD_CHANNEL,
      message,
      code: 'HAKMEM_GUARD',
      place: `${kind} ${placeOf(message.allocatedAt)} ${placeOf(message.freedAt)}`,
      text:
        `A Buffer of ${message.size} bytes of arena "${printable(block.arena)}" ${what}.\n` +
        `Allocated:\n${message.allocatedAt}${freed}`,
    };
  });
}
