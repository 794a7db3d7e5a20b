import { renderUnicodeCompact } from 'uqr';

/** Light modules around a code; without them many cameras don't find it (ISO/IEC 18004 requires four; two work on terminals). */
const BORDER = 2;

/**
 * A QR code of an address or payment URI for a terminal, two modules per character. @throws when the text has more than 2,953 bytes, the maximum of a
 * QR code.
 */
export function terminalQr(text: string): string {
  return renderUnicodeCompact(text, { border: BORDER });
}
