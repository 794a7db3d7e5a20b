import { bytesToHex, concatBytes, equalBytes, hexToBytes, type TxId, txId } from '../../core/base/bytes.ts';
import { script } from '../../core/tx/script.ts';
import { encodeTransaction, sha256d, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import type { ChainRules } from './chain-params.ts';

export interface BlockHeader {
  readonly version: number;
  /** Hash of the block before, as nodes print it. */
  readonly previous: string;
  readonly merkleRoot: string;
  /** Unix time in seconds. */
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
}

export interface NamedTransaction {
  readonly txid: TxId;
  readonly transaction: Transaction;
}

/** A block with its hash: the double SHA-256 of its header. Proof of work (scrypt) is neither made nor checked. */
export interface RawBlock {
  readonly hash: string;
  readonly header: BlockHeader;
  readonly transactions: readonly NamedTransaction[];
}

export const NO_HASH: string = '0'.repeat(64);
/** The easiest target; regtest never changes it. */
export const REGTEST_BITS = 0x207f_ffff;
const GENESIS_TIME = 1_296_688_602;
const GENESIS_KEY = hexToBytes(
  '040184710fa689ad5023690c80f3a49c8f13f8d45b8c857fbcbc8bc4a8e4d3eb4b10f4d4604fa08dce601aaf0f470216fe1b51850b4acf21b179c45070ac7b03a9',
);
export const HEADER_SIZE = 80;

export function encodeHeader(header: BlockHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, header.version, true);
  bytes.set(hexToBytes(header.previous).reverse(), 4);
  bytes.set(hexToBytes(header.merkleRoot).reverse(), 36);
  view.setUint32(68, header.time, true);
  view.setUint32(72, header.bits, true);
  view.setUint32(76, header.nonce, true);
  return bytes;
}

/** @throws RangeError unless 80 bytes. */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  if (bytes.length !== HEADER_SIZE) throw new RangeError(`a header has ${HEADER_SIZE} bytes, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    version: view.getInt32(0, true),
    previous: bytesToHex(bytes.slice(4, 36).reverse()),
    merkleRoot: bytesToHex(bytes.slice(36, 68).reverse()),
    time: view.getUint32(68, true),
    bits: view.getUint32(72, true),
    nonce: view.getUint32(76, true),
  };
}

/** Header, count, transactions: the form `getblock` with verbosity 0 prints. */
export function encodeBlock(block: RawBlock): Uint8Array {
  const transactions = block.transactions.map(({ transaction }) => encodeTransaction(transaction));
  return concatBytes(encodeHeader(block.header), compactSize(transactions.length), ...transactions);
}

export function blockSize(block: RawBlock): number {
  return block.transactions.reduce(
    (sum, { transaction }) => sum + encodeTransaction(transaction).length,
    HEADER_SIZE + compactSize(block.transactions.length).length,
  );
}

function compactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value);
  if (value <= 0xffff) return Uint8Array.of(0xfd, value & 0xff, value >> 8);
  return Uint8Array.of(0xfe, value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);
}

/** `consensus/merkle.cpp`: hashes pairs level by level, an odd last one with itself. */
export function merkleRoot(txids: readonly TxId[]): string {
  return merkleTree(txids).root;
}

/** The root, and whether the two halves of a pair are equal: then the block without one of them has the same root (CVE-2012-2459). */
export function merkleTree(txids: readonly TxId[]): { readonly root: string; readonly mutated: boolean } {
  let level: Uint8Array[] = txids.map((txid) => hexToBytes(txid).reverse());
  let mutated = false;
  while (level.length > 1) {
    const pairs: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? new Uint8Array();
      const right = level[i + 1];
      mutated ||= right !== undefined && equalBytes(left, right);
      pairs.push(sha256d(concatBytes(left, right ?? left)));
    }
    level = pairs;
  }
  return { root: bytesToHex((level[0] ?? new Uint8Array(32)).reverse()), mutated };
}

export function name(transaction: Transaction): NamedTransaction {
  return { txid: transactionId(transaction), transaction };
}

/** A whole block from its transactions; computes the header's merkle root. */
export function makeBlock(fields: Omit<BlockHeader, 'merkleRoot'>, transactions: readonly Transaction[]): RawBlock {
  const named = transactions.map(name);
  return withHash({ ...fields, merkleRoot: merkleRoot(named.map(({ txid }) => txid)) }, named);
}

/** A block from elsewhere: its merkle root may be wrong. */
export function withHash(header: BlockHeader, transactions: readonly NamedTransaction[]): RawBlock {
  return { hash: bytesToHex(sha256d(encodeHeader(header)).reverse()), header, transactions };
}

/** Block 0, built from the parameters in `chainparams.cpp`; its hash is the coin's genesis hash. Its coinbase can't be spent. */
export function genesisBlock(rules: ChainRules): RawBlock {
  const { nonce, message, value } = rules.genesis;
  const coinbase: Transaction = {
    version: 1,
    inputs: [
      {
        outpoint: { txid: txId(NO_HASH), vout: 0xffff_ffff },
        script: script(hexToBytes('ffff001d'), Uint8Array.of(4), new TextEncoder().encode(message)),
        sequence: 0xffff_ffff,
      },
    ],
    outputs: [{ value, script: script(GENESIS_KEY, 'CHECKSIG') }],
    lockTime: 0,
  };
  return makeBlock({ version: 1, previous: NO_HASH, time: GENESIS_TIME, bits: REGTEST_BITS, nonce }, [coinbase]);
}
