import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpToNum, Script } from '@scure/btc-signer/script.js';
import fc from 'fast-check';
import { bytesToHex, concatBytes, hexToBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal } from '../base/refusal.ts';
import { contracts } from '../contract/registry.ts';
import { hash160, OP, type Operation, operationAt, p2pkh, p2sh, readScript, script, withoutCodeSeparators } from './script.ts';
import { readNumber } from './script-number.ts';
import { signer } from './sign.ts';

const payerKey = signer(new Uint8Array(32).fill(1)).publicKey;
const payeeKey = signer(new Uint8Array(32).fill(2)).publicKey;

/** Script numbers as BIP62 and `CScriptNum::serialize` write them: little-endian, sign in the top bit, opcodes up to 16. */
const numbers = [
  [1, '51'],
  [16, '60'],
  [17, '0111'],
  [127, '017f'],
  [128, '028000'],
  [255, '02ff00'],
  [256, '020001'],
  [32_767, '02ff7f'],
  [32_768, '03008000'],
  [8_388_607, '03ffff7f'],
  [8_388_608, '0400008000'],
  [499_999_999, '04ff64cd1d'],
] as const;

test('numbers are written in their shortest form', () => {
  for (const [value, hex] of [...numbers, [0, '00'], [-1, '4f'], [500_000_000, '040065cd1d'], [2_147_483_648, '050000008000']] as const) {
    assert.equal(bytesToHex(script(value)), hex, String(value));
  }
});

for (const contract of contracts.filter(({ expiresBy, expiryIn }) => expiresBy === 'height' && expiryIn === 'script')) {
  test(`expiries stand in the redeem script of ${contract.id} as minimal script numbers`, () => {
    for (const [value, hex] of numbers) {
      const terms = { payerKey, payeeKey, expiry: height(value) };
      const redeemScript = contract.redeemScript(terms);
      assert.ok(bytesToHex(redeemScript).includes(`${hex}b175`), `${value} before CHECKLOCKTIMEVERIFY DROP`);
      assert.deepEqual(contract.readRedeemScript(redeemScript), terms);
    }
  });

  test(`an expiry of ${contract.id} that is a time, or not written minimally, is refused`, () => {
    const written = bytesToHex(contract.redeemScript({ payerKey, payeeKey, expiry: height(499_999_999) }));
    const read = (hex: string): unknown => {
      const terms = contract.readRedeemScript(hexToBytes(written.replace('04ff64cd1db175', `${hex}b175`)));
      return isRefusal(terms) ? terms.code : terms.expiry;
    };
    assert.equal(read('04ff64cd1d'), 499_999_999);
    assert.equal(read('028000'), 128);
    assert.equal(read('0400651dcd'), 'expiry-malformed', 'negative');
    assert.equal(read('050065cd1d00'), 'expiry-malformed', '500,000,000 with a needless byte');
    assert.equal(read('040065cd1d'), 'expiry-malformed', '500,000,000 is a time');
    assert.equal(read('05ffffffff00'), 'expiry-malformed', 'a time of five bytes');
    assert.equal(read('0110'), 'expiry-malformed', '16 has an opcode');
    assert.equal(read('03800000'), 'expiry-malformed', '128 with a needless byte');
    assert.equal(read('4f'), 'expiry-malformed', '-1');
    assert.equal(read('4c0111'), 'script-unknown', '17 pushed the long way');
  });
}

test('another writer and reader of scripts makes the same of all', () => {
  const anyNumber = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.nat(2 ** 32));
  const any = fc.array(fc.oneof(fc.constantFrom(...opcodes), anyNumber, fc.uint8Array({ maxLength: 300 })), { maxLength: 8 });
  fc.assert(fc.property(any, (written) => assert.deepEqual(script(...written), Script.encode(written))));
  for (const length of [75, 76, 255, 256, 65_535, 65_536]) {
    assert.deepEqual(script(new Uint8Array(length)), Script.encode([new Uint8Array(length)]));
  }
  const same = (bytes: Uint8Array): void => assert.deepEqual(readScript(bytes), libraryReads(bytes));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), same), { numRuns: 1_000 });
  for (let opcode = 0; opcode < 256; opcode++) same(Uint8Array.of(opcode));
  same(hexToBytes('4c00'));
});

const opcodes = Object.keys(OP).filter((name): name is keyof typeof OP => Object.hasOwn(OP, name));

function libraryReads(bytes: Uint8Array): unknown {
  try {
    return Script.decode(bytes);
  } catch {
    return undefined;
  }
}

test('another reader of script numbers makes the same of all', () => {
  const number = fc.oneof(
    fc.uint8Array({ maxLength: 7 }),
    fc.array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(number, fc.constantFrom(4, 5), (bytes, most) => assert.equal(readNumber(bytes, most), OpToNum(bytes, most, true))),
    { numRuns: 1_000 },
  );
});

test('scripts are written with the shortest pushes', () => {
  const start = (length: number): string => bytesToHex(script(new Uint8Array(length).fill(7)).subarray(0, 5));
  assert.equal(start(75), '4b07070707');
  assert.equal(start(76), '4c4c070707');
  assert.equal(start(255), '4cff070707');
  assert.equal(start(256), '4d00010707');
  assert.equal(start(65_536), '4e00000100');
  assert.equal(bytesToHex(script('OP_0', 1, 16, 17, 'CHECKSIG')), '0051600111ac');
});

const parts = fc.array(
  fc.oneof(
    fc.constantFrom('IF', 'ELSE', 'ENDIF', 'DROP', 'CHECKSIG', 'CODESEPARATOR', 'HASH160', 'RETURN'),
    fc.integer({ min: 0, max: 16 }),
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
  ),
  { maxLength: 12 },
);

test('what is written is read back, step by step too', () => {
  fc.assert(
    fc.property(parts, (written) => {
      const bytes = script(...written);
      assert.deepEqual(readScript(bytes), written);
      const steps = stepsOf(bytes);
      assert.equal(steps.length, written.length);
      for (const [i, part] of written.entries()) {
        if (typeof part === 'string') assert.equal(steps[i]?.opcode, OP[part]);
        else if (part instanceof Uint8Array) assert.deepEqual(steps[i]?.data, part);
        else assert.equal(steps[i]?.opcode, part === 0 ? OP.OP_0 : OP.OP_1 - 1 + part);
      }
    }),
  );
});

function stepsOf(bytes: Uint8Array): Operation[] {
  const steps: Operation[] = [];
  for (let step = operationAt(bytes, 0); step !== undefined; step = operationAt(bytes, step.end)) steps.push(step);
  return steps;
}

test('long pushes are read to their whole length', () => {
  for (const length of [75, 76, 255, 256, 300, 520, 65_535, 65_536, 70_000]) {
    const pushed = new Uint8Array(length).fill(7);
    const bytes = script(pushed, 'DROP');
    const step = operationAt(bytes, 0);
    assert.equal(step?.end, bytes.length - 1, `${length}`);
    assert.deepEqual(step.data, pushed);
    assert.equal(operationAt(bytes.subarray(0, -2), 0), undefined);
  }
});

test('steps of any bytes follow each other without a gap and never pass the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      readScript(bytes);
      withoutCodeSeparators(bytes);
      let offset = 0;
      for (const step of stepsOf(bytes)) {
        assert.equal(step.start, offset);
        assert.ok(step.end > step.start && step.end <= bytes.length);
        assert.equal(step.data !== undefined, step.opcode <= OP.PUSHDATA4);
        offset = step.end;
      }
    }),
  );
});

test('a push that runs past the end is no step', () => {
  for (const whole of ['0161', '4c0161', '4d010061', '4e0100000061']) {
    const bytes = hexToBytes(whole);
    assert.deepEqual(operationAt(bytes, 0)?.data, Uint8Array.of(0x61));
    for (let length = 1; length < bytes.length; length++) {
      assert.equal(operationAt(bytes.subarray(0, length), 0), undefined, `${length} bytes of ${whole}`);
      assert.equal(readScript(bytes.subarray(0, length)), undefined);
    }
  }
  assert.equal(operationAt(hexToBytes('4effffffff61'), 0), undefined);
  assert.equal(operationAt(new Uint8Array(), 0), undefined);
  assert.deepEqual(readScript(hexToBytes('ac')), ['CHECKSIG']);
  assert.equal(readScript(hexToBytes('fa')), undefined, 'no such opcode');
});

test('code separators go, but not those that are pushed data', () => {
  fc.assert(
    fc.property(parts, (written) => {
      const rest = written.filter((part) => part !== 'CODESEPARATOR');
      assert.deepEqual(withoutCodeSeparators(script(...written)), script(...rest));
    }),
  );
  const pushed = hexToBytes('02abab');
  assert.deepEqual(withoutCodeSeparators(concatBytes(Uint8Array.of(0xab), pushed, Uint8Array.of(0xab, 0xab))), pushed);
});

test('code separators behind a broken push stay', () => {
  assert.equal(bytesToHex(withoutCodeSeparators(hexToBytes('ab51ab4c05abab'))), '514c05abab');
});

test('output scripts of a key and of a script are those of the nodes', () => {
  // The point of private key 1 and its well-known hash.
  const generator = hexToBytes('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
  const hash = '751e76e8199196d454941c45d1b3a323f1433bd6';
  assert.equal(bytesToHex(hash160(generator)), hash);
  assert.equal(bytesToHex(p2pkh(generator)), `76a914${hash}88ac`);
  assert.equal(bytesToHex(p2sh(generator)), `a914${hash}87`);
});
