/**
 * RC4, which both encrypts and decrypts. Written by hand: well-kept libraries no longer have it, because it is broken. That does no harm here:
 * Counterparty's key is a transaction id that everybody knows.
 * @throws RangeError for a key of no bytes or more than 256.
 */
export function arc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  if (key.length === 0 || key.length > 256) throw new RangeError(`the key has ${key.length} bytes, not 1 to 256`);
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  const at = (i: number): number => state[i & 0xff] ?? 0;
  const swap = (i: number, j: number): void => {
    [state[i & 0xff], state[j & 0xff]] = [at(j), at(i)];
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + at(i) + (key[i % key.length] ?? 0)) & 0xff;
    swap(i, j);
  }
  let j = 0;
  return data.map((byte, index) => {
    const i = index + 1;
    j = (j + at(i)) & 0xff;
    swap(i, j);
    return byte ^ at(at(i) + at(j));
  });
}
