/**
 * Everything in strangers' text that could deceive a terminal or a reader: C0 and C1 controls, characters that are invisible or change the reading
 * direction, line and paragraph separators, halves of surrogate pairs.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * The text in a form that is safe to show and log: invisible characters are written out (`\u001b`), and a line feed begins an indented line, so that
 * no stranger's text looks like one of our lines. JSON on one line stays the same JSON.
 */
export function escapeUnseen(text: string): string {
  return text.replaceAll(UNSEEN, (character) => (character === '\n' ? '\n  ' : escaped(character)));
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}
