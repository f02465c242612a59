// Message: what both sides do with one.

export const IN_FLIGHT = 256;

export const use = (buffer) => buffer[0] + buffer[buffer.length - 1];

/** Letters: thread-stream carries text. */
export function touch(buffer, value) {
  buffer[0] = buffer[buffer.length - 1] = value & 127;
  return buffer;
}
