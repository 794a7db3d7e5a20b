import { readFile, writeFile } from 'node:fs/promises';
import { type Amount, formatAmount, MAX_AMOUNT } from '../src/core/base/amount.ts';
import { bytesToHex, equalBytes } from '../src/core/base/bytes.ts';
import type { LockKind } from '../src/core/base/height.ts';
import { bitcoin } from '../src/core/coin/bitcoin.ts';
import type { Coin, Span } from '../src/core/coin/coin.ts';
import { dogecoin } from '../src/core/coin/dogecoin.ts';
import { litecoin } from '../src/core/coin/litecoin.ts';
import { cltv, cltvTime } from '../src/core/contract/cltv.ts';
import { cltvMultisig } from '../src/core/contract/cltv-multisig.ts';
import type { Contract, Terms } from '../src/core/contract/contract.ts';
import { isReplaceable } from '../src/core/contract/fee.ts';
import { presignedRefund } from '../src/core/contract/presigned-refund.ts';
import { OP, readScript, type ScriptPart } from '../src/core/tx/script.ts';
import { tableOf, withParts } from './made-parts.ts';
import { longestSize, longestUnlock, signatureOf, signersOf, stepsOf, type Written } from './protocol-signatures.ts';
import { type Made, termsOn, transactionsOf } from './protocol-transactions.ts';

/** A page of docs/protocol, and the contracts that it is about: where they differ a cell has what each says, in their order. */
export interface ProtocolPage {
  readonly path: string;
  readonly contracts: readonly [Contract, ...Contract[]];
}

export const PAGES: readonly ProtocolPage[] = [
  { path: 'docs/protocol/cltv-multisig.md', contracts: [cltvMultisig] },
  { path: 'docs/protocol/cltv.md', contracts: [cltv, cltvTime] },
  { path: 'docs/protocol/presigned-refund.md', contracts: [presignedRefund] },
];

export const COINS: readonly [Coin, ...Coin[]] = [dogecoin, litecoin, bitcoin];

/** The page with its tables as the code gives them. */
export function withProtocolTables(page: string, { contracts }: ProtocolPage): string {
  return withParts(page, {
    script: together(contracts, scriptRows, ['part', 'bytes', 'size']),
    unlocks: together(contracts, unlockRows, ['', 'as opcodes', 'size, at most']),
    transactions: together(contracts, transactionRows, [
      'transaction',
      'inputs',
      'outputs',
      'version',
      'lock time',
      'sequence',
      'signatures',
      'bytes, at most',
    ]),
    times: together(contracts, timeRows, ['', ...COINS.map(({ name }) => name)]),
  });
}

type Row = readonly string[];

/** One table of what the contracts have alike: a cell in which they differ has each. */
function together(contracts: ProtocolPage['contracts'], rowsOf: (contract: Contract) => readonly Row[], titles: Row): string {
  const [first = [], ...others] = contracts.map(rowsOf);
  const rows = first.map((row, r) => row.map((cell, c) => merged([cell, ...others.map((other) => other[r]?.[c] ?? '')])));
  return tableOf(titles, rows);
}

function merged(cells: readonly string[]): string {
  return [...new Set(cells)].join(' / ');
}

function scriptRows(contract: Contract): readonly Row[] {
  const terms = termsOn(contract, COINS[0]);
  const code = contract.redeemScript(terms);
  const parts = readScript(code) ?? [];
  const rows = stepsOf(code).map((step, i) => {
    const { name, bytes = bytesToHex(step.bytes) } = partOf(terms, step, parts[i]);
    return [`\`${name}\``, `\`${bytes}\``, `${step.bytes.length}`];
  });
  return [...rows, ['the whole script', '', `${code.length}`]];
}

function partOf(terms: Terms, { data, bytes }: Written, part: ScriptPart | undefined): { readonly name: string; readonly bytes?: string } {
  if (data === undefined || data.length === 0) return { name: `OP_${part}` };
  const filled = `${bytesToHex(bytes.subarray(0, 1))} …`;
  if (equalBytes(data, terms.payerKey)) return { name: '<payer key>', bytes: filled };
  if (equalBytes(data, terms.payeeKey)) return { name: '<payee key>', bytes: filled };
  return { name: '<expiry>', bytes: filled };
}

function unlockRows(contract: Contract): readonly Row[] {
  const made = transactionsOf(contract, COINS[0]);
  const terms = termsOn(contract, COINS[0]);
  const code = contract.redeemScript(terms);
  const output = contract.outputScript(terms);
  const isHashed = !equalBytes(code, output);
  const outputRow = [
    'output script of a deposit',
    isHashed ? '`OP_HASH160 <hash of the script> OP_EQUAL`' : 'the script itself',
    `${output.length}`,
  ];
  const unlocks = (['close', 'refund'] as const).map((name) => {
    const unlock = made.find((one) => one.name === name)?.transaction.inputs[0]?.script ?? new Uint8Array();
    const words = stepsOf(unlock).map((step) => wordOf(step, terms, code));
    return [`what unlocks it in a ${name}`, `\`${withNames(words)}\``, `${longestUnlock(unlock).length}`];
  });
  return [outputRow, ...unlocks];
}

/** A word for a step of a scriptSig; undefined for a signature. */
function wordOf(step: Written, { contract }: Terms, code: Uint8Array): string | undefined {
  if (signatureOf(step) !== undefined) return undefined;
  if (step.data !== undefined && step.data.length > 0) return equalBytes(step.data, code) ? '<script>' : `<${contract.id}>`;
  return step.opcode === OP.OP_0 ? 'OP_0' : `OP_${step.opcode - OP.OP_1 + 1}`;
}

/** The payer's signature is the first in every scriptSig of these contracts. */
function withNames(words: readonly (string | undefined)[]): string {
  const first = words.indexOf(undefined);
  return words.map((word, i) => word ?? (i === first ? '<payer signature>' : '<payee signature>')).join(' ');
}

function transactionRows(contract: Contract): readonly Row[] {
  const [first, ...others] = COINS.map((coin) => transactionsOf(contract, coin).map((made) => rowOf(contract, made)));
  const differing = (r: number, c: number): string => merged([first, ...others].map((rows) => rows?.[r]?.[c] ?? ''));
  return (first ?? []).map((row, r) => row.map((_, c) => differing(r, c)));
}

function rowOf({ expiresBy }: Contract, made: Made): Row {
  const { name, inputs, outputs, transaction } = made;
  const sequences = transaction.inputs.map(({ sequence }) => `0x${sequence.toString(16)}`);
  const lock = transaction.lockTime === 0 ? '0' : `expiry, a ${expiresBy}`;
  return [name, inputs, outputs, `${transaction.version}`, lock, merged(sequences), signersOf(made), grouped(longestSize(transaction))];
}

function timeRows({ expiresBy, needs, form }: Contract): readonly Row[] {
  const rows: Readonly<Record<string, (coin: Coin) => string>> = {
    'rules of consensus that it needs': ({ rules }) =>
      needs.map((rule) => `${rule.toUpperCase()}, from block ${grouped(rules[rule])}`).join() || 'none',
    'confirmations until a deposit counts': ({ channel, ticker }) =>
      channel.depth.map(({ upTo, blocks }) => `${blocks}${upTo === MAX_AMOUNT ? ' above' : ` to ${money(upTo, ticker)}`}`).join(', '),
    'closing margin': (coin) => spanOf(coin, expiresBy, 'closingMargin'),
    'shortest life': (coin) => spanOf(coin, expiresBy, 'minLifetime'),
    'longest life': (coin) => spanOf(coin, expiresBy, 'maxLifetime'),
    'confirmations until it is over': ({ channel }) => `${channel.buried}`,
    'lowest fee for 1,000 bytes': ({ policy, ticker }) => money(policy.feeRate, ticker),
    'smallest output': ({ policy, ticker }) => money(policy.dust, ticker),
    'a close or refund that waits can be replaced (BIP125)': ({ policy }) => (isReplaceable(policy, { inputs: [form] }) ? 'yes' : 'no'),
  };
  return Object.entries(rows).map(([name, cell]) => [name, ...COINS.map(cell)]);
}

function spanOf({ channel, blockSeconds }: Coin, kind: LockKind, name: keyof Span): string {
  const span = channel.span[kind][name];
  const hours = (kind === 'height' ? span * blockSeconds : span) / 3_600;
  return `${grouped(span)} ${kind === 'height' ? 'blocks' : 's'} (${hours < 48 ? `${hours} h` : `${hours / 24} d`})`;
}

function money(value: Amount, ticker: string): string {
  const [whole, ...part] = formatAmount(value).split('.');
  return `${[grouped(Number(whole)), ...part].join('.')} ${ticker}`;
}

function grouped(value: number = 0): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

if (process.argv[1] === import.meta.filename)
  for (const page of PAGES) await writeFile(page.path, withProtocolTables(await readFile(page.path, 'utf8'), page));
