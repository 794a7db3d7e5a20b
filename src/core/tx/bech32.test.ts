import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { bitcoin, bitcoinRegtest, bitcoinTest } from '../coin/bitcoin.ts';
import { litecoin, litecoinRegtest, litecoinTest } from '../coin/litecoin.ts';
import { coins } from '../coin/registry.ts';
import { addressOf, scriptOf } from './address.ts';

// BIP350, "Test vectors for v0-v16 native segregated witness addresses", those of versions whose rules the chains have.
for (const [coin, address, hex] of [
  [bitcoin, 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4', '0014751e76e8199196d454941c45d1b3a323f1433bd6'],
  [
    bitcoinTest,
    'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7',
    '00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262',
  ],
  [
    bitcoinTest,
    'tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy',
    '0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433',
  ],
  [
    bitcoinTest,
    'tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c',
    '5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433',
  ],
  [
    bitcoin,
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
    '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
  ],
] as const) {
  test(`${address} is ${hex}`, () => {
    assert.equal(bytesToHex(scriptOf(coin, address) ?? new Uint8Array()), hex);
    assert.equal(addressOf(coin, hexToBytes(hex)), address.toLowerCase());
  });
}

// BIP350, "invalid segwit addresses", all of them, with its reasons.
const invalid350 = [
  ['Invalid human-readable part', 'tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut'],
  ['Bech32 instead of Bech32m', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd'],
  ['Bech32 instead of Bech32m', 'tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf'],
  ['Bech32 instead of Bech32m', 'BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL'],
  ['Bech32m instead of Bech32', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh'],
  ['Bech32m instead of Bech32', 'tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47'],
  ['Invalid character in checksum', 'bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4'],
  ['Invalid witness version', 'BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R'],
  ['Invalid program length (1 byte)', 'bc1pw5dgrnzv'],
  ['Invalid program length (41 bytes)', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav'],
  ['Invalid program length for witness version 0', 'BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P'],
  ['Mixed case', 'tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq'],
  ['zero padding of more than 4 bits', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf'],
  ['Non-zero padding in 8-to-5 conversion', 'tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j'],
  ['Empty data section', 'bc1gmk9yu'],
] as const;

// BIP173, likewise, but for those that are the same.
const invalid173 = [
  ['Invalid human-readable part', 'tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty'],
  ['Invalid checksum', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5'],
  ['Invalid witness version', 'BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2'],
  ['Invalid program length', 'bc1rw5uspcuh'],
  ['Invalid program length', 'bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90'],
  ['Mixed case', 'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7'],
  ['zero padding of more than 4 bits', 'bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du'],
  ['Non-zero padding in 8-to-5 conversion', 'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv'],
] as const;

for (const [why, address] of [
  ...invalid350,
  ...invalid173,
  // Valid ones of BIP350, of versions that no rule binds yet: anybody could take their coins.
  ['version 16, which no rule binds', 'BC1SW50QGDZ25J'],
  ['version 2, which no rule binds', 'bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs'],
  ['version 1 of 40 bytes, which no rule binds', 'bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y'],
  ['white space', ' bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
] as const) {
  test(`${why} is refused: ${address}`, () => {
    for (const coin of coins) assert.equal(scriptOf(coin, address), undefined, coin.id);
  });
}

test('Litecoin writes its own prefixes; Dogecoin has none, and reads none', () => {
  const program = hexToBytes('0014751e76e8199196d454941c45d1b3a323f1433bd6');
  assert.equal(addressOf(litecoin, program)?.slice(0, 5), 'ltc1q');
  assert.equal(addressOf(litecoinTest, program)?.slice(0, 6), 'tltc1q');
  assert.equal(addressOf(litecoinRegtest, program)?.slice(0, 6), 'rltc1q');
  assert.equal(addressOf(bitcoinRegtest, program)?.slice(0, 6), 'bcrt1q');
  for (const coin of coins.filter(({ rules }) => rules.segwit === undefined)) assert.equal(addressOf(coin, program), undefined);
});

test('programs become addresses and programs again, on their own chain only', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const programs = fc.oneof(
    bytes(20).map((hash) => Uint8Array.of(0x00, 20, ...hash)),
    bytes(32).map((hash) => Uint8Array.of(0x00, 32, ...hash)),
    bytes(32).map((key) => Uint8Array.of(0x51, 32, ...key)),
  );
  const witnessed = coins.filter(({ rules }) => rules.segwit !== undefined);
  fc.assert(
    fc.property(fc.constantFrom(...witnessed), programs, (own, program) => {
      const address = addressOf(own, program) ?? assert.fail();
      for (const coin of coins) assert.deepEqual(scriptOf(coin, address), coin === own ? program : undefined);
      assert.deepEqual(scriptOf(own, address.toUpperCase()), program);
    }),
  );
});

test('no opcode but those of bound versions makes a program of what follows', () => {
  for (let opcode = 0; opcode <= 0xff; opcode++) {
    const program = Uint8Array.of(opcode, 32, ...new Uint8Array(32).fill(7));
    assert.equal(addressOf(bitcoin, program) !== undefined, opcode === 0 || opcode === 0x51, `opcode ${opcode}`);
  }
});
