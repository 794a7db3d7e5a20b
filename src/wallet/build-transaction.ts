import { type Amount, formatAmount } from '../core/base/amount.ts';
import type { TxId } from '../core/base/bytes.ts';
import type { Coin } from '../core/coin/coin.ts';
import { type Form, TX_VERSION } from '../core/contract/form.ts';
import { p2pkh, script } from '../core/tx/script.ts';
import { SIGHASH, signatureHash } from '../core/tx/sighash.ts';
import { encodeSignature } from '../core/tx/sign.ts';
import { outpointKey, type Transaction, type TxOutput, transactionId } from '../core/tx/transaction.ts';
import { type KeyRing, WorldError } from '../engine/ports.ts';
import { receivedBy } from './apply-block.ts';
import type { NoSelection } from './coin-selection.ts';
import type { OwnOutput, OwnTransaction } from './state.ts';
import type { StoredWallet } from './stored-wallet.ts';
import type { Watch } from './watched-keys.ts';

/** A transaction that the wallet has signed, with its inputs reserved. */
export interface Funding {
  readonly txid: TxId;
  readonly transaction: Transaction;
  readonly fee: Amount;
}

/** Version 2 and not replaceable (BIP125): so receivers can rely on it sooner. Wallets of this kind never replace transactions. */
const USUAL = { version: TX_VERSION, sequence: 0xffff_fffe };

/** Lock time 0. If a form would allow replacement, only its version is used. */
export function unsignedTransaction(
  inputs: readonly OwnOutput[],
  outputs: readonly TxOutput[],
  { version, sequence }: Pick<Form, 'version' | 'sequence'> = USUAL,
): Transaction {
  return {
    version,
    inputs: inputs.map(({ outpoint }) => ({ outpoint, script: new Uint8Array(), sequence: Math.max(sequence, USUAL.sequence) })),
    outputs,
    lockTime: 0,
  };
}

/** Signs every P2PKH input with ALL, so that nothing in the transaction can be changed. */
export function signTransaction(keys: KeyRing, inputs: readonly OwnOutput[], unsigned: Transaction): Transaction {
  const unlocks = inputs.map(({ key }, i) => {
    const { publicKey, sign } = keys.signer(key);
    return script(encodeSignature(sign(signatureHash(unsigned, i, p2pkh(publicKey), SIGHASH.ALL)), SIGHASH.ALL), publicKey);
  });
  const signed = unsigned.inputs.map((input, i) => ({ ...input, script: unlocks[i] ?? input.script }));
  return { ...unsigned, inputs: signed };
}

/**
 * Records in the ledger that `transaction` spends `inputs`, and which outputs come back to the wallet; done before anyone else sees the transaction.
 */
export function reserve(ledger: StoredWallet, watch: Watch, inputs: readonly OwnOutput[], own: Omit<OwnTransaction, 'txid'>): TxId {
  const txid = transactionId(own.transaction);
  for (const input of inputs) ledger.outputs.set(outpointKey(input.outpoint), { ...input, use: { kind: 'reserved', by: txid } });
  for (const output of receivedBy(watch, txid, own.transaction)) ledger.outputs.set(outpointKey(output.outpoint), output);
  ledger.transactions.set(txid, { ...own, txid });
  return txid;
}

/** The error for a failed selection: what is missing, and what to do. */
export function selectionError(coin: Coin, selection: NoSelection, pending: Amount): WorldError {
  const money = (value: Amount): string => `${formatAmount(value)} ${coin.ticker}`;
  switch (selection.kind) {
    case 'short': {
      const waiting = pending > 0n ? ` ${money(pending)} more can be used once it is confirmed.` : '';
      return new WorldError('wallet-short', `The wallet is short of ${money(selection.missing)}.`, `Send it money.${waiting}`);
    }
    case 'scattered':
      return new WorldError(
        'wallet-short',
        'There is enough money, but in more small pieces than fit in one transaction.',
        'Merge them with `pawment wallet sweep` (`sweep` in the library), and try again once that is confirmed.',
      );
    case 'dust':
      return new WorldError(
        'config',
        `${money(selection.value)} is too little for an output.`,
        `Send at least ${money(coin.policy.dust)}.`,
      );
    case 'fee-too-high':
      return new WorldError(
        'config',
        `The fee would be ${money(selection.fee)}, above the limit of ${money(coin.policy.maxFee)}.`,
        'Lower the fee rate.',
      );
  }
}
