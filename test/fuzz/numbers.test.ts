import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseJson } from '../../src/chain/json-number.ts';
import { unspent } from '../../src/chain/rpc-answers.ts';
import { amountOf } from '../../src/cli/command/wallet.ts';
import { amount, formatAmount, MAX_AMOUNT, parseAmount, parseUnits } from '../../src/core/base/amount.ts';
import { bytesToHex, channelId, concatBytes, hexToBytes } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { decodePay, encodePay } from '../../src/core/message/compact.ts';
import { amountField } from '../../src/core/message/fields.ts';
import { invoiceJson } from '../../src/core/message/json.ts';
import { decodePsbt } from '../../src/core/message/psbt-codec.ts';
import { readPayment } from '../../src/core/message/psbt-payment.ts';
import { addressOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { WorldError } from '../../src/engine/ports.ts';
import { outputCodec } from '../../src/wallet/record-codec.ts';
import { readPaymentUri } from '../../src/wallet/uri.ts';
import { Chance } from '../sim/chance.ts';
import { keyNumber } from '../world/sample.ts';
import { golden } from './corpus.ts';
import { littleEndian } from './mutate.ts';
import { channels } from './samples.ts';

const RUNS = 20_000;
const HASH = 'ab'.repeat(32);

/** Reads a text as a person, a peer, a node or a disk gives it; undefined when it is refused, in the way that this place refuses. */
type Read = (text: string) => bigint | undefined;

function orElse(run: () => bigint, may: new (...all: never[]) => Error): bigint | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof may) return undefined;
    throw error;
  }
}

const invoice = { kind: 'invoice', id: 'ab'.repeat(16), channel: HASH, item: 'tea', text: '', address: 'x', expires: 1 };
const output = { outpoint: { txid: HASH, vout: 0 }, key: 'm/1', coinbase: false, place: { kind: 'unconfirmed' }, use: { kind: 'free' } };

/** Where amounts are digits in the smallest unit: there is one way to write each. */
const inUnits: Readonly<Record<string, Read>> = {
  'a text of units': parseUnits,
  'a field of a message or a state': (text) => amountField.safeParse(text).data,
  'an invoice': (text) => invoiceJson.safeParse({ ...invoice, amount: text }).data?.amount,
  'a record of the wallet': (text) =>
    orElse(() => outputCodec.decode(JSON.stringify({ format: 1, value: { ...output, value: text } })).value, WorldError),
};

const { terms } = channels[0] ?? assert.fail();
const address = addressOf(terms.coin, p2pkh(keyNumber(1).publicKey)) ?? '';

/** BIP21 lets the decimals behind a point be left out. */
const WRITTEN = { text: /^0*[0-9]+(\.[0-9]{1,8})?$/, uri: /^0*[0-9]+(\.[0-9]{0,8})?$/ } as const;

/** Where amounts are whole coins with decimals. */
const inCoins: Readonly<Record<string, Read>> = {
  'a text of coins': parseAmount,
  'the command line': (text) => orElse(() => amountOf(text), WorldError),
  'a payment request': (text) => {
    const read = readPaymentUri(terms.coin, `${terms.coin.uriScheme}:${address}?amount=${encodeURIComponent(text)}`);
    return read.kind === 'request' ? read.request.amount : undefined;
  },
};

function ofNode(text: string): bigint | undefined {
  const json = `{"bestblock":"${HASH}","confirmations":1,"value":${text},"scriptPubKey":{"hex":""},"coinbase":false}`;
  try {
    return unspent.safeParse(parseJson(json)).data?.value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const CENTRES = [
  0n,
  1n,
  10n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  10n ** 8n,
  10n ** 16n,
  10n ** 18n,
  2n ** 63n,
  2n ** 64n,
  2n ** 65n,
  10n ** 19n,
] as const;

function nearAnEdge(chance: Chance): bigint {
  return chance.happens(0.2)
    ? BigInt(chance.int(2 ** 32)) ** BigInt(1 + chance.int(3))
    : chance.pick(CENTRES) + BigInt(chance.between(-2, 2));
}

const SIGNS = ['-', '+', '0', '00', ' ', '\t', '\n', '\u00a0', '\u2212', '0x', '$'] as const;
const TAILS = [' ', '\n', 'e0', 'E0', 'n', '.', '.0', ',0', '_0', '\u0000', '\u0660', '\uff10', '\u00b2', '\u200b', 'k'] as const;

/** A digit of another script in place of the first. */
function foreign(text: string, zero: number): string {
  return text.replace(/[0-9]/, (digit) => String.fromCodePoint(zero + Number(digit)));
}

/** The text of a number in a way in which it should not be written. */
function oddly(text: string, chance: Chance): string {
  switch (chance.int(4)) {
    case 0:
      return chance.pick(SIGNS) + text;
    case 1:
      return text + chance.pick(TAILS);
    case 2:
      return foreign(text, chance.pick([0x660, 0x6f0, 0x966, 0xff10, 0x1d7ce]));
    default:
      return text.replace(/(?<=[0-9])(?=[0-9])/, chance.pick([',', '_', ' ', '\u202f', "'"]));
  }
}

function isMoney(value: bigint): boolean {
  return value >= 0n && value <= MAX_AMOUNT;
}

describe('amounts near every edge', () => {
  for (const [name, read] of Object.entries(inUnits)) {
    test(`${name}: exactly the digits of 0 to 10^18, and nothing else`, () => {
      const chance = new Chance(13, 0);
      const counts = { read: 0, refused: 0 };
      for (let i = 0; i < RUNS; i++) {
        const value = nearAnEdge(chance);
        const text = chance.happens(0.5) ? value.toString() : oddly(value.toString(), chance);
        const expected = text === value.toString() && isMoney(value) ? value : undefined;
        assert.equal(read(text), expected, JSON.stringify(text));
        counts[expected === undefined ? 'refused' : 'read']++;
      }
      assert.ok(counts.read > RUNS / 10 && counts.refused > RUNS / 10);
    });
  }

  for (const [name, read] of Object.entries(inCoins)) {
    test(`${name}: to the last unit, or not at all`, () => {
      const chance = new Chance(38, 0);
      let taken = 0;
      for (let i = 0; i < RUNS; i++) {
        const value = nearAnEdge(chance);
        const text = `${value < 0n ? '-' : ''}${formatted(value < 0n ? -value : value)}`;
        assert.equal(read(text), isMoney(value) ? value : undefined, text);
        const odd = oddly(text, chance);
        const found = read(odd);
        // Zeros before a number and behind its decimals do not change it; nothing else passes.
        if (found !== undefined) {
          assert.ok(WRITTEN[name === 'a payment request' ? 'uri' : 'text'].test(odd), JSON.stringify(odd));
          assert.equal(formatAmount(amount(found)), formatted(found));
          assert.equal(found, unitsOf(odd.replace(/\.$/, '')), JSON.stringify(odd));
          taken++;
        }
        assert.equal(read(`${text}${text.includes('.') ? '' : '.'}000000001`), undefined, 'finer than a unit');
      }
      assert.ok(taken > 0);
    });
  }

  test('a node: every notation of JSON, to the last unit or not at all', () => {
    const chance = new Chance(38, 1);
    for (let i = 0; i < RUNS; i++) {
      const value = nearAnEdge(chance);
      const shift = chance.between(-20, 20);
      const text = `${value}e${shift - 8}`;
      const exact = shift >= 0 ? value * 10n ** BigInt(shift) : value % 10n ** BigInt(-shift) === 0n ? value / 10n ** BigInt(-shift) : -1n;
      const expected = isMoney(exact) && value >= 0n ? exact : undefined;
      assert.equal(ofNode(text), expected, text);
      assert.equal(ofNode(`"${text}"`), undefined, 'a text is no number');
    }
  });

  test('a number of JSON is no amount, however small: it would be rounded before it is seen', () => {
    for (const number of [0, 1, 2 ** 53, -1, 0.1]) assert.equal(amountField.safeParse(number).success, false);
    assert.equal(amountField.safeParse('1').success, true);
  });

  test('a compact payment: eight bytes up to 10^18, and none beyond', () => {
    const chance = new Chance(13, 2);
    const whole = encodePay({ kind: 'payment', channel: channelId(HASH), payment: { total: amount(1n), signatures: [] } });
    for (let i = 0; i < RUNS; i++) {
      const value = BigInt.asUintN(64, nearAnEdge(chance));
      const read = decodePay(concatBytes(whole.subarray(0, 33), littleEndian(value, 8).reverse(), whole.subarray(41)));
      assert.equal(isRefusal(read) ? undefined : read.payment.total, isMoney(value) ? value : undefined, String(value));
    }
  });

  test('a PSBT: an output of any eight bytes is a total only if the deposits hold it', () => {
    const chance = new Chance(13, 3);
    const { deposits } = channels[0] ?? assert.fail();
    const [bytes = new Uint8Array()] = golden('message/v1/cltv-multisig-flexible-payment-psbt.hex');
    const paid = `${bytesToHex(littleEndian(12n * 10n ** 8n, 8))}19${bytesToHex(terms.payeeScript)}`;
    assert.equal(bytesToHex(bytes).split(paid).length, 2);
    const codes = new Set<string>();
    for (let i = 0; i < 2_000; i++) {
      const value = BigInt.asUintN(64, i === 0 ? 12n * 10n ** 8n : nearAnEdge(chance));
      const made = bytesToHex(bytes).replace(paid, `${bytesToHex(littleEndian(value, 8))}19${bytesToHex(terms.payeeScript)}`);
      const psbt = decodePsbt(hexToBytes(made));
      const read = isRefusal(psbt) ? psbt : readPayment(psbt, terms, deposits);
      assert.equal(isRefusal(read), i > 0, String(value));
      codes.add(isRefusal(read) ? read.code : 'accepted');
    }
    for (const code of ['accepted', 'total-not-positive', 'total-too-small', 'total-above-capacity']) assert.ok(codes.has(code), code);
  });
});

/** Written apart from what is tested. */
function formatted(value: bigint): string {
  const digits = value.toString().padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`.replace(/\.?0*$/, '');
}

function unitsOf(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(8, '0'));
}

test('what is reckoned here is reckoned right', () => {
  assert.deepEqual([0n, 1n, 150_000_000n, 10n ** 18n].map(formatted), ['0', '0.00000001', '1.5', '10000000000']);
  assert.equal(unitsOf('001.50'), 150_000_000n);
});
