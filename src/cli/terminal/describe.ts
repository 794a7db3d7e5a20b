import { readAssetSend } from '../../core/asset/registry.ts';
import { formatAmount, isAmount } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { decodePsbt } from '../../core/message/psbt-codec.ts';
import { addressOf } from '../../core/tx/address.ts';
import { readScript } from '../../core/tx/script.ts';
import { readNumber } from '../../core/tx/script-number.ts';
import { type Transaction, transactionId, transactionSize } from '../../core/tx/transaction.ts';

/** A script in words: opcodes by name, pushes in hex. */
export function describeScript(script: Uint8Array): string {
  const parts = readScript(script);
  if (parts === undefined) return `(not a script) ${bytesToHex(script)}`;
  return parts.map((part) => (part instanceof Uint8Array ? describePush(part) : String(part))).join(' ');
}

/** Heights and other script numbers have at most four bytes; such pushes are shown as numbers. */
function describePush(bytes: Uint8Array): string {
  const number = readNumber(bytes, 4);
  return number === undefined ? `<${bytesToHex(bytes)}>` : `<${number}>`;
}

/** A transaction, line by line. */
export function describeTransaction(coin: Coin, tx: Transaction): readonly string[] {
  return [
    `transaction ${transactionId(tx)}`,
    `  version ${tx.version}, lock time ${tx.lockTime}, ${transactionSize(tx)} bytes`,
    ...tx.inputs.flatMap(({ outpoint, script, sequence }, i) => [
      `  input ${i}: ${outpoint.txid}:${outpoint.vout}, sequence 0x${sequence.toString(16)}`,
      ...(script.length > 0 ? [`    unlock: ${describeScript(script)}`] : []),
    ]),
    ...tx.outputs.map(({ value, script }, i) => {
      const amount = isAmount(value) ? `${formatAmount(value)} ${coin.ticker}` : `${value} (no amount)`;
      return `  output ${i}: ${amount} to ${addressOf(coin, script) ?? describeScript(script)}`;
    }),
    ...describeAssetSend(tx),
  ];
}

function describeAssetSend(tx: Transaction): readonly string[] {
  const facts = assetSendFacts(tx);
  if (facts === undefined) return [];
  const { codec, asset, quantity, to } = facts;
  return [
    `  asset: ${quantity} of the smallest unit of ${asset} to the address of output ${to} (${codec})`,
    '    The transaction only claims this. Whether the sender had so much, only an indexer of all sends can tell; pawment asks none.',
  ];
}

interface AssetSendFacts {
  readonly codec: string;
  readonly asset: string;
  readonly quantity: bigint;
  readonly to: number;
}

function assetSendFacts(tx: Transaction): AssetSendFacts | undefined {
  const found = readAssetSend(tx);
  if (found === undefined) return undefined;
  const { codec, send } = found;
  return { codec: codec.id, asset: codec.nameOf(send.asset) ?? String(send.asset), quantity: send.quantity, to: send.to };
}

/** A PSBT of a channel, line by line; or why it is not one. */
export function describePsbt(coin: Coin, bytes: Uint8Array): readonly string[] {
  const psbt = decodePsbt(bytes);
  if (isRefusal(psbt)) return [`not a PSBT of a channel: ${psbt.message}`];
  return [
    `PSBT of ${bytes.length} bytes over ${describeTransaction(coin, psbt.transaction)[0]}`,
    ...describeTransaction(coin, psbt.transaction).slice(1),
    `  redeem script: ${describeScript(psbt.redeemScript)}`,
    ...psbt.inputs.flatMap(({ deposit, partialSignatures }, i) => [
      `  deposit ${i}: ${formatAmount(deposit.value)} ${coin.ticker}, funding transaction whole`,
      ...partialSignatures.map(({ key, signature }) => `    signature of ${bytesToHex(key)}: ${bytesToHex(signature)}`),
    ]),
  ];
}

/** A transaction as one object, for `--json`. */
export function transactionFacts(coin: Coin, tx: Transaction): object {
  return {
    txid: transactionId(tx),
    version: tx.version,
    lockTime: tx.lockTime,
    size: transactionSize(tx),
    inputs: tx.inputs.map(({ outpoint, script, sequence }) => ({ ...outpoint, sequence, ...scriptFacts(script) })),
    outputs: tx.outputs.map(({ value, script }) => ({ value, address: addressOf(coin, script), ...scriptFacts(script) })),
    assetSend: assetSendFacts(tx),
  };
}

export function scriptFacts(script: Uint8Array): { readonly script: string; readonly asm: string } {
  return { script: bytesToHex(script), asm: describeScript(script) };
}

/** A PSBT of a channel as one object; undefined for any other bytes. */
export function psbtFacts(coin: Coin, bytes: Uint8Array): object | undefined {
  const psbt = decodePsbt(bytes);
  if (isRefusal(psbt)) return undefined;
  return {
    size: bytes.length,
    transaction: transactionFacts(coin, psbt.transaction),
    redeemScript: scriptFacts(psbt.redeemScript),
    deposits: psbt.inputs.map(({ deposit: { outpoint, value }, hashType, partialSignatures }) => ({
      ...{ ...outpoint, value, hashType },
      signatures: partialSignatures.map(({ key, signature }) => ({ key: bytesToHex(key), signature: bytesToHex(signature) })),
    })),
  };
}
