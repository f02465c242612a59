// The shadow of the state machine: who may see which byte. Every holding has a word of its own, with which its
// bytes are full; one that shows another word shares memory with somebody.

/** Calls that a holding remembers. */
const HISTORY_MAX = 8;

/** Bytes of a holding that are written and compared: all of small ones, both ends of large ones. */
const EDGE_BYTES = 256;

let lastWord = 0x1000;

/** A part of memory that somebody holds: a view, or an ArrayBuffer that was given away. */
class Holding {
  constructor(bytes, length) {
    this.bytes = bytes;
    this.length = length;
    this.word = ++lastWord;
    this.history = [];
    this.write();
  }

  /** Remembers a call about it, for whoever looks for the cause of a fault. */
  note(call) {
    this.history = [...this.history, call].slice(-HISTORY_MAX);
  }

  parts() {
    const bytes = this.bytes();
    if (bytes.length <= 2 * EDGE_BYTES) return [bytes];
    return [bytes.subarray(0, EDGE_BYTES), bytes.subarray(-EDGE_BYTES)];
  }

  write() {
    for (const part of this.parts())
      Buffer.from(part.buffer, part.byteOffset, part.length).fill(this.text);
  }

  get text() {
    return this.word.toString(16).padStart(8, '0');
  }

  /** What is wrong with it, or undefined. */
  fault() {
    const bytes = this.bytes();
    if (bytes.length !== this.length) return `has ${bytes.length} of ${this.length} bytes`;
    for (const part of this.parts()) {
      const want = Buffer.alloc(part.length, this.text);
      if (want.compare(part) !== 0)
        return `shows ${Buffer.from(part).subarray(0, 16).toString('latin1')}`;
    }
    return undefined;
  }
}

export class Shadow {
  /** Live views, by arena; retained ones stay through reset and destroy. */
  views = new Map();
  /** ArrayBuffers that were given away, by transfer or from a worker that may have ended. */
  given = [];

  add(view, facts) {
    const bytes = () => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const holding = Object.assign(new Holding(bytes, view.byteLength), facts, { view, holders: 0 });
    this.views.set(view, holding);
    return holding;
  }

  addGiven(buffer, origin) {
    const bytes = () => new Uint8Array(buffer);
    this.given.push(Object.assign(new Holding(bytes, buffer.byteLength), { origin, buffer }));
  }

  /** Ends a holding; somebody else may hold its view by now. */
  remove(holding) {
    if (this.views.get(holding.view) === holding) this.views.delete(holding.view);
  }

  /** Views of an arena that are live, for those that a bulk end or a detached slab takes. */
  ofArena(arena) {
    return [...this.views.values()].filter((it) => it.arena === arena);
  }

  /** Everything that is wrong now. */
  faults() {
    const all = [...this.views.values(), ...this.given];
    return all.flatMap((it) => {
      const fault = it.fault();
      return fault === undefined
        ? []
        : [`${it.origin ?? 'a view'} of ${it.arena?.name ?? 'nobody'} ${fault}`];
    });
  }
}
