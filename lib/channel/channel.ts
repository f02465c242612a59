/**
 * Channel: two ends for two threads, over shared memory.
 *
 *   channel.ts    makes it, and opens its ends
 *   end.ts        what a thread does with its end, and who waits for what
 *   reader.ts     who reads, one message at a time
 *   outbox.ts     sends; knows what is under way          inbox.ts     receives; checks what it reads
 *   envelope.ts   numbers and tag of a message            doorbell.ts  wakes the other end, and is woken
 *   memory.ts     where everything stands in shared memory
 *
 * A message is copied into a ring when it is small, and handed over by ticket (lib/letters) when it is not. A copy
 * arrives in a Buffer from the receiver's arena: no view of the ring ever reaches a program, so that nobody sees what
 * others have in it. A thread that finds nothing to do says in shared memory that it sleeps, and looks once more. Who
 * has something for it then rings: a message through a MessagePort, which ends the sleep. As both look after they
 * have written, one of them sees what the other wrote, and no wake-up is lost. The port also tells that the other
 * thread has ended.
 */
import { MessageChannel, MessagePort } from 'node:worker_threads';
import { Arena } from '../arena/arena';
import { ownOptions, ownProperty } from '../base/own-options';
import { HakmemError, invalidArgType, invalidArgValue, invalidState } from '../errors';
import { validateInteger } from '../options';
import { Doorbell } from './doorbell';
import { ChannelEnd } from './end';
import { CAPACITY_MAX, THRESHOLD_MAX, makeMemory, sideOf } from './memory';

/**
 * What {@link Channel} takes.
 *
 * @example
 * const options: ChannelOptions = { capacity: 64, maxBytes: 64 * 1024 * 1024 };
 * const [ours, theirs] = new Channel(options).ends;
 */
export interface ChannelOptions {
  /**
   * Most messages under way in each direction, 1 to 65536.
   * @default 256
   */
  readonly capacity?: number;
  /**
   * Most bytes of messages under way in each direction.
   * @default no limit
   */
  readonly maxBytes?: number;
  /**
   * Messages of up to so many bytes are copied, longer ones handed over; 0 to 65536.
   * @default 8192: about there handing over takes as much of both threads' time as copying, by measurement
   */
  readonly threshold?: number;
}

/**
 * An end of a channel before it is opened: a plain value, which goes to another thread in a message or in
 * `workerData`, with its port in the transfer list.
 *
 * @example
 * import { Worker } from 'node:worker_threads';
 * const [ours, theirs] = new Channel().ends;
 * const worker = new Worker('', { eval: true, workerData: theirs, transferList: [theirs.port] });
 */
export interface ChannelHandle {
  /** Everything that is under way. */
  readonly memory: SharedArrayBuffer;
  /** Which of the two ends it is. */
  readonly side: 0 | 1;
  /** The doorbell. */
  readonly port: MessagePort;
}

/**
 * A pair of ends for two threads, which send Buffers of their arenas to each other: what is large without a copy, what
 * is small in batches.
 *
 * @example
 * import { Worker } from 'node:worker_threads';
 * import { Arena, Channel } from 'hakmem-arena';
 * const arena = new Arena();
 * const [ours, theirs] = new Channel({ capacity: 64 }).ends;
 * const echo = `
 *   const { workerData } = require('node:worker_threads');
 *   const { Arena, Channel } = require('hakmem-arena');
 *   const arena = new Arena();
 *   const end = Channel.open(workerData, arena);
 *   end.receive((buffer) => end.send(arena.from(buffer))).catch((error) => {
 *     if (error.code !== 'ERR_HAKMEM_CHANNEL_CLOSED') throw error; // the other side may close at any time
 *   });
 * `;
 * new Worker(echo, { eval: true, workerData: theirs, transferList: [theirs.port] });
 *
 * const end = Channel.open(ours, arena);
 * end.send(arena.from('hello'));
 * void end.receive((buffer) => {
 *   console.log(buffer.toString()); // hello
 *   end.close();
 * });
 */
export class Channel {
  /** Both ends, the same in everything. Each is opened once, by {@link Channel.open} in its thread. */
  readonly ends: readonly [ChannelHandle, ChannelHandle];

  /**
   * @throws {ERR_INVALID_ARG_TYPE} an option, or `options`, has the wrong type.
   * @throws {ERR_INVALID_ARG_VALUE} an option is unknown.
   * @throws {ERR_OUT_OF_RANGE} an option is out of range.
   * @example
   * const [ours, theirs] = new Channel({ capacity: 64 }).ends;
   */
  constructor(options: ChannelOptions = {}) {
    const memory = makeMemory(resolve(options));
    const { port1, port2 } = new MessageChannel();
    this.ends = Object.freeze([
      Object.freeze({ memory, side: 0 as const, port: port1 }),
      Object.freeze({ memory, side: 1 as const, port: port2 }),
    ]);
  }

  /**
   * Opens an end in this thread. It keeps the thread's event loop alive until it is closed, or `unref()` is called.
   *
   * @param handle - one of {@link Channel.ends}, or what has become of it in another thread.
   * @param arena - whose Buffers the end sends, and from which it takes those that are copied to it.
   * @returns the end. It is closed already when the other one is, or when its port went to another thread.
   * @throws {ERR_INVALID_ARG_TYPE} `handle` is no end of a channel, or `arena` no Arena.
   * @throws {ERR_INVALID_ARG_VALUE} the memory of `handle` is not that of a channel.
   * @throws {ERR_INVALID_STATE} it was opened before, here or elsewhere.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const [ours, theirs] = new Channel().ends; // theirs goes to another thread
   * const end = Channel.open(ours, arena);
   * end.close();
   */
  static open(handle: ChannelHandle, arena: Arena): ChannelEnd {
    if (typeof handle !== 'object' || (handle as unknown) === null) {
      throw invalidArgType('handle', 'an end of a Channel', handle);
    }
    if (!(arena instanceof Arena)) throw invalidArgType('arena', 'an Arena', arena);
    if (arena.destroyed) throw new HakmemError('ERR_HAKMEM_ARENA_DESTROYED');
    const port = ownProperty(handle, 'port');
    if (!(port instanceof MessagePort)) {
      throw invalidArgType('handle.port', 'a MessagePort', port);
    }
    const side = sideOf(ownProperty(handle, 'memory'), ownProperty(handle, 'side'));
    const bell = new Doorbell(port);
    if (!bell.isClosed && !side.open()) {
      throw invalidState('This end of the channel was opened before');
    }
    return new ChannelEnd(arena, side, bell);
  }
}

/** `npm run bench -- --channel --sweep`, Node 20 and 24: by messages a second copying wins at 4 KB, handing over at 12. */
const THRESHOLD = 8192;

const KNOWN_OPTIONS = ['capacity', 'maxBytes', 'threshold'];

function resolve(given: ChannelOptions): Required<ChannelOptions> {
  if (typeof given !== 'object' || (given as unknown) === null || Array.isArray(given)) {
    throw invalidArgType('options', 'of type object', given);
  }
  for (const key of Object.keys(given)) {
    if (!KNOWN_OPTIONS.includes(key)) {
      throw invalidArgValue(`options.${key}`, 'is not a known option', key);
    }
  }
  const { capacity = 256, threshold = THRESHOLD, maxBytes = Infinity } = ownOptions(given);
  validateInteger(capacity, 'options.capacity', 1, CAPACITY_MAX);
  validateInteger(threshold, 'options.threshold', 0, THRESHOLD_MAX);
  if (maxBytes !== Infinity) {
    validateInteger(maxBytes, 'options.maxBytes', 1, Number.MAX_SAFE_INTEGER);
  }
  return { capacity, threshold, maxBytes };
}
