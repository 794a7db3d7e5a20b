import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MAX_AMOUNT } from '../../core/base/amount.ts';
import { bytesToHex, concatBytes, hexToBytes, txId } from '../../core/base/bytes.ts';
import { OP } from '../../core/tx/script.ts';
import { signatureHash } from '../../core/tx/sighash.ts';
import { decodeTransaction, outpointKey, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { checkTransaction } from './check-transaction.ts';
import { checkerFor } from './checker.ts';
import { verifyScript } from './interpreter.ts';
import { FLAG, parseFlags } from './script-flags.ts';
import { pushOf } from './script-shape.ts';

const FOLDER = new URL('../../../../shared/vectors/', import.meta.url);

/** Rows of a vector file without its comments. */
function rowsOf(name: string): unknown[][] {
  const rows: unknown = JSON.parse(textOf(name));
  assert.ok(Array.isArray(rows), `${name} is not a list`);
  return rows.filter((row): row is unknown[] => Array.isArray(row) && row.length > 1);
}

function textOf(name: string): string {
  try {
    return readFileSync(new URL(name, FOLDER), 'utf8');
  } catch (cause) {
    throw new Error(`The published vectors are missing: ${name} belongs into the folder shared/vectors, which sits beside the checkout.`, {
      cause,
    });
  }
}

/** The node's test notation for scripts (`core_read.cpp`, ParseScript): numbers, raw hex, quoted text, opcode names with or without OP_. */
function parseScript(text: string): Uint8Array {
  const words = text.split(/[ \t\n]+/).filter((word) => word !== '');
  return concatBytes(...words.map(parseWord));
}

function parseWord(word: string): Uint8Array {
  if (/^-?[0-9]+$/.test(word)) return pushNumber(BigInt(word));
  if (/^0x[0-9a-fA-F]+$/.test(word)) return hexToBytes(word.slice(2));
  const quoted = /^'(.*)'$/.exec(word);
  if (quoted?.[1] !== undefined) return pushOf(new TextEncoder().encode(quoted[1]));
  const name = word.replace(/^OP_/, '');
  const alias = name === 'NOP2' ? 'CHECKLOCKTIMEVERIFY' : name === 'NOP3' ? 'CHECKSEQUENCEVERIFY' : name;
  const opcode = Object.entries(OP).find(([known]) => known === alias)?.[1];
  assert.ok(opcode !== undefined, `unknown word ${word}`);
  return Uint8Array.of(opcode);
}

/** The vectors push 64-bit numbers, wider than any script reads. */
function pushNumber(value: bigint): Uint8Array {
  if (value === -1n || (value >= 1n && value <= 16n)) return Uint8Array.of(Number(value) + OP.OP_1 - 1);
  const bytes: number[] = [];
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 0xffn));
  if ((bytes.at(-1) ?? 0) >= 0x80) bytes.push(0);
  if (value < 0n) bytes.push((bytes.pop() ?? 0) | 0x80);
  return pushOf(Uint8Array.from(bytes));
}

function text(value: unknown): string {
  assert.ok(typeof value === 'string', `${String(value)} is not text`);
  return value;
}

function flagsOf(value: unknown): number {
  const flags = parseFlags(text(value));
  assert.ok(flags !== undefined, `unknown flag in ${String(value)}`);
  return flags;
}

const isWitnessRow = (flags: number): boolean => (flags & FLAG.WITNESS) !== 0;
const WITNESS_REASON = 'Dogecoin has no SegWit: the row sets WITNESS';

function credit(script: Uint8Array): Transaction {
  const nowhere = { txid: txId('0'.repeat(64)), vout: 0xffff_ffff };
  return {
    version: 1,
    inputs: [{ outpoint: nowhere, script: Uint8Array.of(0, 0), sequence: 0xffff_ffff }],
    outputs: [{ value: 0n, script }],
    lockTime: 0,
  };
}

function spend(credited: Transaction, script: Uint8Array): Transaction {
  return {
    version: 1,
    inputs: [{ outpoint: { txid: transactionId(credited), vout: 0 }, script, sequence: 0xffff_ffff }],
    outputs: [{ value: 0n, script: new Uint8Array() }],
    lockTime: 0,
  };
}

test('scripts end as script_tests.json says, with the error it names', (t) => {
  let passed = 0;
  let leftOut = 0;
  for (const row of rowsOf('dogecoin-core-script_tests.json')) {
    const [inputText, outputText, flagText, expected] = Array.isArray(row[0]) ? row.slice(1) : row;
    const flags = flagsOf(flagText);
    if (isWitnessRow(flags)) {
      leftOut++;
      continue;
    }
    const outputScript = parseScript(text(outputText));
    const tx = spend(credit(outputScript), parseScript(text(inputText)));
    const error = verifyScript(tx.inputs[0]?.script ?? new Uint8Array(), outputScript, flags, checkerFor(tx, 0));
    assert.equal(error ?? 'OK', expected, JSON.stringify(row));
    passed++;
  }
  t.diagnostic(`script_tests: ${passed} rows passed, ${leftOut} left out (${WITNESS_REASON})`);
  assert.ok(passed > 1000);
});

interface TxRow {
  readonly tx: Transaction | undefined;
  readonly scripts: ReadonlyMap<string, Uint8Array>;
  readonly flags: number;
}

function txRow(row: readonly unknown[]): TxRow {
  const [inputs, hex, flags] = row;
  assert.ok(Array.isArray(inputs));
  const scripts = inputs.map((input: unknown): [string, Uint8Array] => {
    assert.ok(Array.isArray(input));
    const vout = Number(input[1]) >>> 0;
    return [outpointKey({ txid: txId(text(input[0])), vout }), parseScript(text(input[2]))];
  });
  return { tx: decodeTransaction(hexToBytes(text(hex))), scripts: new Map(scripts), flags: flagsOf(flags) };
}

function isValid({ tx, scripts, flags }: TxRow): boolean {
  if (tx === undefined || checkTransaction(tx, MAX_AMOUNT) !== undefined) return false;
  return tx.inputs.every((input, i) => {
    const script = scripts.get(outpointKey(input.outpoint));
    assert.ok(script, 'the row lists every input');
    return verifyScript(input.script, script, flags, checkerFor(tx, i)) === undefined;
  });
}

for (const [name, expected] of [
  ['tx_valid', true],
  ['tx_invalid', false],
] as const) {
  test(`transactions of ${name}.json are ${expected ? 'valid' : 'invalid'}`, (t) => {
    const rows = rowsOf(`dogecoin-core-${name}.json`).map((row) => ({ row, parsed: txRow(row) }));
    const run = rows.filter(({ parsed }) => !isWitnessRow(parsed.flags));
    for (const { row, parsed } of run) assert.equal(isValid(parsed), expected, JSON.stringify(row));
    t.diagnostic(`${name}: ${run.length} rows passed, ${rows.length - run.length} left out (${WITNESS_REASON})`);
    assert.ok(run.length > 60);
  });
}

test('signature hashes are those of sighash.json, for every hash type', (t) => {
  const rows = rowsOf('dogecoin-core-sighash.json').filter((row) => row.length === 5);
  for (const [hex, script, index, hashType, expected] of rows) {
    const tx = decodeTransaction(hexToBytes(text(hex)));
    assert.ok(tx, text(hex));
    const digest = signatureHash(tx, Number(index), hexToBytes(text(script)), Number(hashType));
    assert.equal(bytesToHex(digest.reverse()), expected);
  }
  t.diagnostic(`sighash: ${rows.length} rows passed, 0 left out`);
  assert.equal(rows.length, 500);
});
