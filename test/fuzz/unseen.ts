/** What no text of strangers may bring to a terminal or a log, by code point: written down a second time, apart from what is tested with it. */
const UNSEEN: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x061c, 0x061c],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x2064],
  [0x2066, 0x206f],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0xe0001, 0xe007f],
];

/** The first character of a text that is not seen as one; undefined when all are. */
export function unseenIn(text: string): string | undefined {
  return [...text].find((character) => {
    const code = character.codePointAt(0) ?? 0;
    return UNSEEN.some(([from, to]) => code >= from && code <= to);
  });
}
