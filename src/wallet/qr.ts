import { renderUnicodeCompact } from 'uqr';

/** Light modules around a code, without which many cameras don't find it (ISO/IEC 18004 asks for four; two work on terminals). */
const BORDER = 2;

/**
 * A QR code of an address or payment URI for a terminal, two modules a character.
 * @throws when the text has more than 2,953 bytes, the most a QR code holds.
 */
export function terminalQr(text: string): string {
  return renderUnicodeCompact(text, { border: BORDER });
}
