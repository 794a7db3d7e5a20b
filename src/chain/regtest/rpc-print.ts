import { bytesToHex } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { addressOf } from '../../core/tx/address.ts';
import { OP, type Operation, operationAt, p2pkh, script } from '../../core/tx/script.ts';
import { encodeTransaction, type Transaction, type TxInput, type TxOutput, transactionId } from '../../core/tx/transaction.ts';
import { JsonNumber } from '../json-number.ts';
import { type BlockHeader, blockSize, NO_HASH } from './block.ts';
import type { BlockChain, BlockEntry } from './chain.ts';
import { isNullOutpoint } from './check-transaction.ts';
import { coinsOf, type Json } from './rpc-json.ts';
import { readNumber } from './script-number.ts';
import { smallNumber } from './script-shape.ts';
import { type Dialect, formName, outputForm } from './standard-outputs.ts';

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(OP).map(([word, opcode]) => [opcode, `OP_${word.replace(/^OP_/, '')}`]));
/** Regtest always has the easiest target. */
export const DIFFICULTY: JsonNumber = new JsonNumber('4.656542373906925e-10');

/** A script as text: pushes of up to four bytes as numbers, longer ones as hex (`ScriptToAsmStr`). */
export function scriptWords(script: Uint8Array): string {
  const words: string[] = [];
  let offset = 0;
  while (offset < script.length) {
    const operation = operationAt(script, offset);
    if (operation === undefined) return [...words, '[error]'].join(' ');
    words.push(wordOf(operation));
    offset = operation.end;
  }
  return words.join(' ');
}

function wordOf({ opcode, data }: Operation): string {
  const number = smallNumber(opcode);
  if (number !== undefined) return String(number);
  if (data !== undefined) return data.length <= 4 ? String(readNumber(data, false)) : bytesToHex(data);
  return opcode === OP['1NEGATE'] ? '-1' : (NAMES.get(opcode) ?? 'OP_UNKNOWN');
}

/** An output script with the addresses it pays, as both nodes print it. */
export function printScript(coin: Coin, script: Uint8Array): Json {
  const form = outputForm(script, dialectOf(coin));
  const plain = { asm: scriptWords(script), hex: bytesToHex(script) };
  const addresses = addressesOf(coin, script);
  if (addresses.length === 0) return { ...plain, type: formName(form, script) };
  return { ...plain, reqSigs: form.kind === 'multisig' ? form.required : 1, type: formName(form, script), addresses };
}

function addressesOf(coin: Coin, output: Uint8Array): string[] {
  const { kind } = outputForm(output, dialectOf(coin));
  if (kind === 'scripthash' || kind === 'witness') return [addressOf(coin, output)].filter((one) => one !== undefined);
  if (kind !== 'pubkeyhash' && kind !== 'pubkey' && kind !== 'multisig') return [];
  const pushed: Uint8Array[] = [];
  for (let op = operationAt(output, 0); op !== undefined; op = operationAt(output, op.end)) {
    if (op.data !== undefined && op.data.length >= 20) pushed.push(op.data);
  }
  // However a script pushes a hash, its address is that of the usual form.
  const scripts = pushed.map((data) => (kind === 'pubkeyhash' ? script('DUP', 'HASH160', data, 'EQUALVERIFY', 'CHECKSIG') : p2pkh(data)));
  return scripts.map((one) => addressOf(coin, one)).filter((one) => one !== undefined);
}

function dialectOf({ name }: Coin): Dialect {
  return name === 'Dogecoin' ? 'dogecoin' : 'litecoin';
}

export function printTransaction(coin: Coin, tx: Transaction): { readonly [key: string]: Json } {
  const txid = transactionId(tx);
  const size = encodeTransaction(tx).length;
  return {
    txid,
    hash: txid,
    version: tx.version,
    size,
    vsize: size,
    ...(coin.name === 'Dogecoin' ? {} : { weight: size * 4 }),
    locktime: tx.lockTime,
    vin: tx.inputs.map(printInput),
    vout: tx.outputs.map((output, n) => printOutput(coin, output, n)),
  };
}

function printInput({ outpoint, script, sequence }: TxInput): Json {
  const hex = bytesToHex(script);
  if (isNullOutpoint(outpoint)) return { coinbase: hex, sequence };
  return { txid: outpoint.txid, vout: outpoint.vout, scriptSig: { asm: scriptWords(script), hex }, sequence };
}

function printOutput(coin: Coin, { value, script }: TxOutput, n: number): Json {
  return { value: coinsOf(value), n, scriptPubKey: printScript(coin, script) };
}

/** Confirmations of a block: -1 if it is not on the best chain. */
export function confirmations(chain: BlockChain, entry: BlockEntry): number {
  return chain.isBest(entry) ? chain.tip.height - entry.height + 1 : -1;
}

/** Each block on regtest counts as two hashes of work. */
export function chainWork(height: number): string {
  return ((height + 1) * 2).toString(16).padStart(64, '0');
}

export function printHeader(chain: BlockChain, entry: BlockEntry): { readonly [key: string]: Json } {
  const { header, hash, transactions } = entry.block;
  const next = chain.isBest(entry) ? chain.at(entry.height + 1) : undefined;
  return {
    hash,
    confirmations: confirmations(chain, entry),
    height: entry.height,
    ...versionFields(header),
    merkleroot: header.merkleRoot,
    time: header.time,
    mediantime: entry.medianTime,
    nonce: header.nonce,
    bits: header.bits.toString(16),
    difficulty: DIFFICULTY,
    chainwork: chainWork(entry.height),
    ...(chain.rules.dialect === 'litecoin' ? { nTx: transactions.length } : {}),
    ...(header.previous === NO_HASH ? {} : { previousblockhash: header.previous }),
    ...(next === undefined ? {} : { nextblockhash: next.block.hash }),
  };
}

function versionFields({ version }: BlockHeader): { readonly [key: string]: Json } {
  return { version, versionHex: (version >>> 0).toString(16).padStart(8, '0') };
}

export function printBlock(chain: BlockChain, entry: BlockEntry, withTransactions: boolean): Json {
  const size = blockSize(entry.block);
  const tx = entry.block.transactions.map(({ txid, transaction }) => {
    if (!withTransactions) return txid;
    const printed = printTransaction(chain.coin, transaction);
    return chain.rules.dialect === 'litecoin' ? { ...printed, hex: bytesToHex(encodeTransaction(transaction)) } : printed;
  });
  return { ...printHeader(chain, entry), strippedsize: size, size, weight: size * 4, tx };
}
