// Stream worker: where thread-stream writes. It counts the letters.

import { EventEmitter } from 'node:events';

class Counting extends EventEmitter {
  #received;

  constructor(received) {
    super();
    this.#received = received;
  }

  write(text) {
    text.charCodeAt(0);
    text.charCodeAt(text.length - 1);
    this.#received[0] += text.length;
    return true;
  }

  end() {
    this.emit('close');
  }
}

export default ({ received }) => new Counting(received);
