import assert from 'node:assert/strict';
import { InvalidArgumentError } from 'commander';
import { amountOf as coinsOfNode, integerOf, JsonNumber } from '../../../src/chain/json-number.ts';
import { amountOf as coinsOfPerson } from '../../../src/cli/command/wallet.ts';
import { wholeNumber } from '../../../src/cli/flag/number.ts';
import { type Amount, formatAmount, parseAmount, parseUnits } from '../../../src/core/base/amount.ts';
import { coins } from '../../../src/core/coin/registry.ts';
import { addressOf, scriptOf } from '../../../src/core/tx/address.ts';
import { p2pkh, p2sh } from '../../../src/core/tx/script.ts';
import { WorldError } from '../../../src/engine/ports.ts';
import { httpConnection } from '../../../src/transport/http/client.ts';
import { createMnemonic, readMnemonic } from '../../../src/wallet/mnemonic.ts';
import { paymentUri, readPaymentUri } from '../../../src/wallet/uri.ts';
import { keyNumber } from '../../world/sample.ts';
import { aText } from '../json.ts';
import { edgeNumber, type Mutate, mutateBytes } from '../mutate.ts';
import { ACCEPTED, assertSameBytes, type Target, textOf, utf8 } from '../target.ts';

const key = keyNumber(1).publicKey;
const program = Uint8Array.of(0x51, 32, ...key.subarray(1));
const addresses = coins.flatMap((coin) => [addressOf(coin, p2pkh(key)) ?? '', addressOf(coin, p2sh(key)) ?? '']);
const programs = coins.flatMap((coin) => addressOf(coin, program) ?? []);
const uris = coins.flatMap((coin, i) => {
  const [address = '', other = ''] = addresses.slice(i * 2);
  const amount = parseUnits('150000000') ?? assert.fail();
  return [
    paymentUri(coin, { address }),
    paymentUri(coin, { address: other, amount, label: 'Tea & co', message: '茶 ?=' }),
    `${coin.uriScheme}:${address}?req-x=1&a=b&a=c&amount=+1`,
  ];
});
const words = createMnemonic(12, { bytes: (length) => new Uint8Array(length).fill(7) });
const urls = ['https://shop.example', 'http://127.0.0.1:8402/pay/', 'ftp://x', 'https://u:p@x', 'https://x?y', 'https://[::1]'];
const numbers = [
  '0',
  '1',
  '1.5',
  '00.10',
  '0.00000001',
  '10000000000',
  '10000000000.00000001',
  '1e-8',
  '1.5E+3',
  '90071992.54740993',
  '-1',
  '499999999',
  '500000000',
];

const EDGES = /[0-9]+/;
const DIGITS = ['٣', '１', '²', '߁', '\u0000', '_', ',', ' ', '.', '-', '+', 'e', 'E', 'x', '0', '00', '9'] as const;

/** Numbers in a text become edges, and digits of other scripts and signs get among them. */
const mutate: Mutate = (input, chance, other) => {
  const text = textOf(input);
  switch (chance.int(6)) {
    case 0:
      return utf8(text.replace(EDGES, edgeNumber(chance).toString()));
    case 1: {
      const at = chance.int(text.length + 1);
      return utf8(text.slice(0, at) + chance.pick(DIGITS) + text.slice(at + chance.int(2)));
    }
    case 2: {
      const units = edgeNumber(chance).toString().padStart(9, '0');
      return utf8(`${units.slice(0, -8)}.${units.slice(-8)}`);
    }
    case 3: {
      const at = chance.int(text.length + 1);
      return utf8(text.slice(0, at) + aText(chance).slice(0, 40) + text.slice(at));
    }
    case 4:
      return utf8(textOf(input).toUpperCase() === text ? text.toLowerCase() : text.toUpperCase());
    default:
      return mutateBytes(input, chance, other);
  }
};

const READ: ReadonlySet<string> = new Set(['address', 'request', 'mnemonic', 'number', 'url']);

/** What people type, scan and paste: addresses, payment requests, words, amounts. */
export const text: Target = {
  name: 'text',
  files: ['core/base/amount.ts', 'core/tx/address.ts', 'chain/json-number.ts', 'wallet/uri.ts', 'wallet/mnemonic.ts', 'cli/flag/number.ts'],
  corpus: [...addresses, ...programs, ...uris, words, words.toUpperCase(), ...urls, ...numbers].map(utf8),
  mutate,
  check: (input) => {
    const typed = textOf(input);
    const known = [addressIn(typed), uriIn(typed), mnemonicIn(typed), amountIn(typed), urlIn(typed)].filter((code) => code !== undefined);
    const [only = 'unreadable'] = known;
    return known.some((kind) => READ.has(kind)) ? { ...ACCEPTED, path: known.join() } : { code: only };
  },
};

function addressIn(typed: string): string | undefined {
  const read = coins.flatMap((coin) => {
    const script = scriptOf(coin, typed);
    if (script === undefined) return [];
    const written = addressOf(coin, script) ?? '';
    assertSameBytes(scriptOf(coin, written) ?? new Uint8Array(), script, 'there and back');
    return [coin];
  });
  return read.length === 0 ? undefined : 'address';
}

function uriIn(typed: string): string | undefined {
  const kinds = coins.map((coin) => {
    const read = readPaymentUri(coin, typed);
    if (read.kind === 'request') assert.deepEqual(readPaymentUri(coin, paymentUri(coin, read.request)), read);
    return read.kind;
  });
  return kinds.find((kind) => kind !== 'not-a-uri' && kind !== 'wrong-coin');
}

function mnemonicIn(typed: string): string | undefined {
  const read = readMnemonic(typed);
  if (read.kind === 'mnemonic') assert.deepEqual(readMnemonic(read.mnemonic), read);
  return read.kind === 'word-count' ? undefined : read.kind;
}

/** The value of a plain decimal number in units, reckoned apart; undefined for any other text, and for what is no amount. */
function reckoned(typed: string, decimals: number): bigint | undefined {
  const match = /^([0-9]+)(?:\.([0-9]+))?$/.exec(typed);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  const scaled = BigInt(whole + fraction.padEnd(30, '0')) * 10n ** BigInt(decimals);
  const value = scaled / 10n ** BigInt(Math.max(30, fraction.length));
  return scaled % 10n ** BigInt(Math.max(30, fraction.length)) === 0n && value <= 10n ** 18n ? value : undefined;
}

function amountIn(typed: string): string | undefined {
  const [units, person] = [parseUnits(typed), parseAmount(typed)];
  const node = coinsOfNode(new JsonNumber(typed));
  if (units !== undefined) assert.deepEqual([units, String(units)], [reckoned(typed, 0), typed], 'one way to write each');
  for (const value of [person, node]) if (value !== undefined) assertAmount(value);
  if (person !== undefined) assert.equal(person, reckoned(typed, 8));
  if (node !== undefined && /^[0-9.]+$/.test(typed)) assert.equal(node, reckoned(typed, 8));
  if (/^[0-9]{1,9}(\.[0-9]{1,8})?$/.test(typed))
    assert.deepEqual([person, node], [reckoned(typed, 8), reckoned(typed, 8)], 'all such are read');
  const integer = integerOf(new JsonNumber(typed));
  if (integer !== undefined) assert.equal(BigInt(integer), BigInt(typed));
  return [units, person, node, integer, atCommandLine(typed)].some((value) => value !== undefined) ? 'number' : undefined;
}

function assertAmount(value: Amount): void {
  assert.ok(value >= 0n && value <= 10n ** 18n);
  assert.equal(parseAmount(formatAmount(value)), value);
}

function atCommandLine(typed: string): unknown {
  const count = attempt(() => wholeNumber(1)(typed), InvalidArgumentError);
  if (count !== undefined) assert.ok(Number.isInteger(count) && count >= 1 && /^[0-9]+$/.test(typed));
  const value = attempt(() => coinsOfPerson(typed), WorldError);
  assert.equal(value, parseAmount(typed));
  return count ?? value;
}

function urlIn(typed: string): string | undefined {
  return attempt(() => httpConnection(typed), WorldError) && 'url';
}

/** The value; undefined when it fails as it may. */
function attempt<T>(run: () => T, may: new (...all: never[]) => Error): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof may) return undefined;
    throw error;
  }
}
