import { bytesToHex, concatBytes, equalBytes, hexToBytes, type TxId } from '../base/bytes.ts';
import { OP, readScript, script } from '../tx/script.ts';
import type { TxOutput } from '../tx/transaction.ts';
import { arc4 } from './arc4.ts';
import type { AssetAmount, AssetCodec } from './asset-codec.ts';
import { assetOf, BTC, nameOf } from './counterparty-name.ts';

/** `CNTRPRTY`, then the message's number: 0 for a send. */
const HEAD: Uint8Array = hexToBytes('434e54525052545900000000');
const BODY_BYTES = 16;
/** Counterparty stores quantities as signed numbers of 64 bits (`config.py`, MAX_INT). */
const MAX_QUANTITY = 2n ** 63n - 1n;
/** Bitcoin itself is not sent this way, and some numbers belong to no asset. */
function canBeSent({ asset, quantity }: AssetAmount): boolean {
  return asset !== BTC && nameOf(asset) !== undefined && quantity > 0n && quantity <= MAX_QUANTITY;
}

function dataOutput({ asset, quantity }: AssetAmount, first: TxId): TxOutput {
  const body = new Uint8Array(BODY_BYTES);
  const view = new DataView(body.buffer);
  view.setBigUint64(0, asset);
  view.setBigUint64(8, quantity);
  return { value: 0n, script: script('RETURN', arc4(hexToBytes(first), concatBytes(HEAD, body))) };
}

/** The amount in the data of an output; undefined for any other bytes. */
function amountIn(outputScript: Uint8Array, first: TxId): AssetAmount | undefined {
  const data = readScript(outputScript)?.[1];
  if (!(data instanceof Uint8Array) || data.length !== HEAD.length + BODY_BYTES) return undefined;
  const body = arc4(hexToBytes(first), data).subarray(HEAD.length);
  const amount = { asset: uint64(body.subarray(0, 8)), quantity: uint64(body.subarray(8)) };
  return canBeSent(amount) && equalBytes(dataOutput(amount, first).script, outputScript) ? amount : undefined;
}

function uint64(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes)}`);
}

/**
 * Counterparty's classic send, as picopayments has it: 28 bytes in an OP_RETURN output, encrypted with RC4. The key is the id of the transaction that
 * the first input spends, as it is printed. The send goes from the inputs' address to that of the first output; the data is in the second.
 */
export const counterparty: AssetCodec = {
  id: 'counterparty',
  nameOf,
  assetOf,
  outputs: (amount, first) => {
    if (!canBeSent(amount)) throw new RangeError(`${amount.quantity} of asset ${amount.asset} can't be sent`);
    return [dataOutput(amount, first)];
  },
  read: ({ inputs: [input], outputs }) => {
    const data = outputs.flatMap(({ script: { 0: opcode } }, index) => (opcode === OP.RETURN ? [index] : []));
    const output = outputs[1];
    if (input === undefined || output === undefined || data.length !== 1 || data[0] !== 1) return undefined;
    const amount = amountIn(output.script, input.outpoint.txid);
    return amount && { ...amount, to: 0 };
  },
};
