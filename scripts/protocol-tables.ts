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
import { revocable } from '../src/core/contract/revocable.ts';
import { revocableCsv } from '../src/core/contract/revocable-csv.ts';
import { OP, readScript, type ScriptPart, script } from '../src/core/tx/script.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { tableOf, withParts } from './made-parts.ts';
import { csvScriptTable, csvTransactionTable } from './protocol-csv.ts';
import { longestSize, longestUnlock, signatureOf, signersOf, spentScript, stepsOf, type Written } from './protocol-signatures.ts';
import { HASH, type Made, SECRET, termsOn, transactionsOf } from './protocol-transactions.ts';

/** A page of docs/protocol, and the contracts that it is about: where they differ a cell has what each says, in their order. */
export interface ProtocolPage {
  readonly path: string;
  readonly contracts: readonly [Contract, ...Contract[]];
  /** The form of the same contract that the sixth part is about. */
  readonly otherForm?: Contract;
}

export const PAGES: readonly ProtocolPage[] = [
  { path: 'docs/protocol/cltv-multisig.md', contracts: [cltvMultisig] },
  { path: 'docs/protocol/cltv.md', contracts: [cltv, cltvTime] },
  { path: 'docs/protocol/presigned-refund.md', contracts: [presignedRefund] },
  { path: 'docs/protocol/revocable.md', contracts: [revocable], otherForm: revocableCsv },
];

export const COINS: readonly [Coin, ...Coin[]] = [dogecoin, litecoin, bitcoin];

/** The page with its tables as the code gives them. */
export function withProtocolTables(page: string, { contracts, otherForm }: ProtocolPage): string {
  return withParts(page, {
    script: together(contracts, depositRows, ['part', 'bytes', 'size']),
    ...(contracts.some(({ revocation }) => revocation) && {
      held: together(contracts, heldRows, ['part', 'bytes', 'size']),
      'csv scripts': csvScriptTable(),
      'csv transactions': csvTransactionTable(),
    }),
    unlocks: together(contracts, unlockRows, ['', 'as opcodes', 'size, at most']),
    transactions: together(contracts, transactionRows, TRANSACTION),
    ...(otherForm && {
      'other transactions': together([otherForm], transactionRows, TRANSACTION),
      'other times': together([otherForm], timeRows, ['', ...COINS.map(({ name }) => name)]),
    }),
    times: together(contracts, timeRows, ['', ...COINS.map(({ name }) => name)]),
  });
}

type Row = readonly string[];

const TRANSACTION: Row = ['transaction', 'inputs', 'outputs', 'version', 'lock time', 'sequence', 'signatures', 'bytes, at most'];

/** One table of what the contracts have alike: a cell in which they differ has each. */
function together(contracts: ProtocolPage['contracts'], rowsOf: (contract: Contract) => readonly Row[], titles: Row): string {
  const [first = [], ...others] = contracts.map(rowsOf);
  const rows = first.map((row, r) => row.map((cell, c) => merged([cell, ...others.map((other) => other[r]?.[c] ?? '')])));
  return tableOf(titles, rows);
}

function merged(cells: readonly string[]): string {
  return [...new Set(cells)].join(' / ');
}

function depositRows(contract: Contract): readonly Row[] {
  const terms = termsOn(contract, COINS[0]);
  return scriptRows(terms, contract.redeemScript(terms));
}

/** Of the script that a close holds the payee's part by. */
function heldRows(contract: Contract): readonly Row[] {
  const terms = termsOn(contract, COINS[0]);
  return scriptRows(terms, spentScript(terms, HASH));
}

function scriptRows(terms: Terms, code: Uint8Array): readonly Row[] {
  const parts = readScript(code) ?? [];
  const rows = stepsOf(code).map((step, i) => {
    const { name, bytes = bytesToHex(step.bytes) } = partOf(terms, step, parts[i]);
    return [`\`${name}\``, `\`${bytes}\``, `${step.bytes.length}`];
  });
  return [...rows, ['the whole script', '', `${code.length}`]];
}

function partOf(terms: Terms, { data, bytes }: Written, part: ScriptPart | undefined): { readonly name: string; readonly bytes?: string } {
  if (data === undefined || data.length === 0) return { name: `OP_${part}` };
  const name = [...wordsOf(terms)].find(([, written]) => equalBytes(written, bytes))?.[0];
  return name === undefined ? { name: `${data[0]}` } : { name, bytes: `${bytesToHex(bytes.subarray(0, 1))} …` };
}

/** What terms fill a script with, as it is pushed. */
function wordsOf(terms: Terms): ReadonlyMap<string, Uint8Array> {
  const { payerKey, payeeKey, expiry, revocation, contract } = terms;
  const own: [string, Uint8Array][] = [
    ['<payer key>', script(payerKey)],
    ['<payee key>', script(payeeKey)],
    ['<expiry>', script(expiry)],
  ];
  if (revocation !== undefined && contract.revocation !== undefined) {
    own.push(['<penalty key>', script(revocation.penaltyKey)], ['<hash of the secret>', script(HASH)]);
    own.push(['<payout height>', script(contract.revocation.payoutAt(terms))]);
  }
  return new Map(own);
}

function unlockRows(contract: Contract): readonly Row[] {
  const terms = termsOn(contract, COINS[0]);
  const output = contract.outputScript(terms);
  const isHashed = !equalBytes(contract.redeemScript(terms), output);
  const outputRow = [
    'output script of a deposit',
    isHashed ? '`OP_HASH160 <hash of the script> OP_EQUAL`' : 'the script itself',
    `${output.length}`,
  ];
  const made = transactionsOf(contract, COINS[0]).filter(({ name }) => SIGNED_FIRST.has(name));
  const unlocks = made.map(({ name, transaction, heldUnder }) => {
    const unlock = transaction.inputs[0]?.script ?? new Uint8Array();
    const words = stepsOf(unlock).map((step) => wordOf(step, terms, spentScript(terms, heldUnder)));
    const what = heldUnder === undefined ? 'it' : 'what a close held';
    return [`what unlocks ${what} in a ${name}`, `\`${withNames(words, name)}\``, `${longestUnlock(unlock).length}`];
  });
  return [outputRow, ...unlocks];
}

/** By whose signature the scriptSig of each way to spend begins. */
const SIGNED_FIRST: ReadonlyMap<string, string> = new Map([
  ['close', 'payer'],
  ['payout', 'payee'],
  ['penalty', 'penalty'],
  ['refund', 'payer'],
]);

/** A word for a step of a scriptSig; undefined for a signature. */
function wordOf(step: Written, { contract }: Terms, code: Uint8Array): string | undefined {
  if (signatureOf(step) !== undefined) return undefined;
  if (step.data === undefined || step.data.length === 0) return step.opcode === OP.OP_0 ? 'OP_0' : `OP_${step.opcode - OP.OP_1 + 1}`;
  if (equalBytes(step.data, code)) return '<script>';
  return equalBytes(step.data, SECRET) ? '<secret>' : `<${contract.id}>`;
}

/** Where there are two signatures, the payee's comes second. */
function withNames(words: readonly (string | undefined)[], name: string): string {
  const first = words.indexOf(undefined);
  return words.map((word, i) => word ?? `<${i === first ? SIGNED_FIRST.get(name) : 'payee'} signature>`).join(' ');
}

function transactionRows(contract: Contract): readonly Row[] {
  const [first, ...others] = COINS.map((coin) => transactionsOf(contract, coin).map((made) => rowOf(contract, made)));
  const differing = (r: number, c: number): string => merged([first, ...others].map((rows) => rows?.[r]?.[c] ?? ''));
  return (first ?? []).map((row, r) => row.map((_, c) => differing(r, c)));
}

function rowOf({ expiresBy }: Contract, made: Made): Row {
  const { name, inputs, outputs, transaction, heldUnder } = made;
  const sequences = transaction.inputs.map(({ sequence }) => (sequence > 0xffff ? `0x${sequence.toString(16)}` : 'the lock, in blocks'));
  const lock = heldUnder === undefined ? `expiry, a ${expiresBy}` : 'payout height';
  return [
    name,
    inputs,
    outputs,
    `${transaction.version}`,
    transaction.lockTime === 0 ? '0' : lock,
    merged(sequences),
    signersOf(made),
    grouped(longestSize(transaction)),
  ];
}

function timeRows(contract: Contract): readonly Row[] {
  const { expiresBy, needs, form, revocation } = contract;
  const rows: Readonly<Record<string, (coin: Coin) => string>> = {
    'rules of consensus that it needs': ({ rules }) =>
      needs.map((rule) => `${rule.toUpperCase()}, ${rules[rule] === undefined ? 'never' : `from block ${grouped(rules[rule])}`}`).join() ||
      'none',
    'confirmations until a deposit counts': ({ channel, ticker }) =>
      channel.depth.map(({ upTo, blocks }) => `${blocks}${upTo === MAX_AMOUNT ? ' above' : ` to ${money(upTo, ticker)}`}`).join(', '),
    'closing margin': (coin) => spanOf(coin, expiresBy, 'closingMargin'),
    ...(revocation && {
      'least closing margin': (coin: Coin) => inBlocks(leastMargin(coin, contract), coin),
      [contract.expiryIn === 'age' ? 'from close to payout, at least' : 'from expiry to payout, at least']: (coin: Coin) =>
        inBlocks(revocation.leastPayoutDelay(coin), coin),
    }),
    'shortest life': (coin) => spanOf(coin, expiresBy, 'minLifetime'),
    'longest life': (coin) => spanOf(coin, expiresBy, 'maxLifetime'),
    'confirmations until it is over': ({ channel }) => `${channel.buried}`,
    'lowest fee for 1,000 bytes': ({ policy, ticker }) => money(policy.feeRate, ticker),
    'smallest output': ({ policy, ticker }) => money(policy.dust, ticker),
    'a close or refund that waits can be replaced (BIP125)': ({ policy }) => (isReplaceable(policy, { inputs: [form] }) ? 'yes' : 'no'),
  };
  return Object.entries(rows).map(([name, cell]) => [name, ...COINS.map(cell)]);
}

/** What a refusal of a margin that is too short names as enough. */
function leastMargin(coin: Coin, contract: Contract): number {
  return Number(contract.revocation?.refuseTerms({ ...defaultTerms(coin, contract), coin, closingMargin: 0 })?.detail['least']);
}

function inBlocks(blocks: number, { blockSeconds }: Coin): string {
  const hours = (blocks * blockSeconds) / 3_600;
  return `${grouped(blocks)} blocks (${hours < 48 ? `${hours} h` : `${Math.round(hours / 2.4) / 10} d`})`;
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
