/**
 * Printable: text of others on its way to a terminal or a log.
 *
 * Names, messages and variables may hold what a terminal obeys (ESC and C1 sequences), what makes lines out of
 * one (CR, LF, U+2028) and what turns text around (bidirectional controls). Shown as escapes they do nothing.
 */

/** Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu;

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`;
}

/** `text` on one line, with escapes like `\x1b` and `\u202e` for everything that is not plain text. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** The same, but for the ends of lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
