/**
 * Everything in a text of strangers that a terminal or a reader could be fooled by: C0 and C1 controls, marks that turn the reading direction or
 * show as nothing, line and paragraph separators, halves of surrogate pairs.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * The text as it may be shown and logged: what is not seen is written out (`\u001b`), and a line feed begins a line that is indented, so that no
 * stranger's text looks like a line of ours. JSON on one line stays the same JSON.
 */
export function escapeUnseen(text: string): string {
  return text.replaceAll(UNSEEN, (character) => (character === '\n' ? '\n  ' : escaped(character)));
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}
