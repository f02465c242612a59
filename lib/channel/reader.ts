/**
 * Reader: who reads an inbox, one message at a time.
 *
 * Owns:       the message in its hands.
 * Called by:  the end.
 */
import { Room, Way } from '../base/stack';
import { HakmemError, invalidState } from '../errors';
import type { View } from '../view/view';
import type { Doorbell } from './doorbell';
import { type Inbox, type Message, endMessage, keepMessage } from './inbox';

/** After so many messages in a row the event loop has a turn, so that a fast sender starves nothing else. */
const MESSAGES_PER_TURN = 256;

const reading = new Way();

export class Reader {
  readonly #inbox: Inbox;
  readonly #bell: Doorbell;
  #isReading = false;
  #message: Message | undefined = undefined;
  /** Messages taken since the event loop had a turn. */
  #taken = 0;
  /** The call stack has room for the end of a message and for the next one, as long as the reader is where it is. */
  #hasRoom = false;

  constructor(inbox: Inbox, bell: Doorbell) {
    this.#inbox = inbox;
    this.#bell = bell;
  }

  /** In its hands. */
  get message(): Message | undefined {
    return this.#message;
  }

  begin(): void {
    if (this.#isReading) throw invalidState('This end of the channel is being read');
    this.#isReading = true;
  }

  end(): void {
    this.drop();
    this.#inbox.leave();
    this.#isReading = this.#hasRoom = false;
  }

  /** The reader has waited: somebody else calls it from here on, and may do so from deep down. */
  hasMoved(): void {
    this.#hasRoom = false;
  }

  /** undefined: there is none now, or the event loop is to have a turn. */
  take(): Message | undefined {
    if (this.#taken >= MESSAGES_PER_TURN) return undefined;
    this.#ensureRoom();
    try {
      this.#message = this.#inbox.take();
    } finally {
      this.#inbox.tellSender(this.#bell);
    }
    this.#taken++;
    return this.#message;
  }

  /** Ends the message in its hands. */
  drop(): void {
    const message = this.#message;
    if (message === undefined) return;
    this.#ensureRoom();
    this.#message = undefined;
    endMessage(message);
  }

  keep(buffer: View): void {
    const message = this.#message;
    const inHand: View | undefined = message?.buffer;
    if (message === undefined || inHand !== buffer) {
      throw new HakmemError('ERR_HAKMEM_NOT_OWNED', 'it is not the message in hand');
    }
    keepMessage(message);
  }

  /** Ends when there may be something to read. */
  async arrival(): Promise<void> {
    if (this.#taken >= MESSAGES_PER_TURN) {
      await this.#bell.turn();
    } else {
      this.#inbox.sleep();
      if (this.#inbox.isEmpty()) await this.#bell.next();
    }
    this.#taken = 0;
    this.hasMoved();
  }

  #ensureRoom(): void {
    if (this.#hasRoom) return;
    reading.ensureStack(Room.Call);
    this.#hasRoom = true;
  }
}
