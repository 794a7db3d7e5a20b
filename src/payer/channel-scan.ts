import { isAmount } from '../core/base/amount.ts';
import { bytesToHex, type TxId } from '../core/base/bytes.ts';
import type { Found } from '../core/channel/payer-recover.ts';
import { penaltySigner } from '../core/channel/payer-revocation.ts';
import type { Coin } from '../core/coin/coin.ts';
import type { Deposit, Terms } from '../core/contract/contract.ts';
import { leastDeposit } from '../core/contract/tx-size.ts';
import type { Signer } from '../core/tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../core/tx/transaction.ts';
import type { SeedRing } from '../engine/ports.ts';
import { branchKeyName } from '../wallet/key-branch.ts';
import { type NotedTerms, readRecoveryNote } from '../wallet/recovery-note.ts';

/** A channel of the seed, with the index of its key. */
export interface FoundChannel extends Found {
  readonly keyIndex: number;
}

/** The channel's key tells the one that punishes. */
function termsWith({ revocation, ...terms }: NotedTerms, key: Signer): Terms {
  const punishing = revocation && { revocation: { ...revocation, penaltyKey: penaltySigner(key).publicKey } };
  return { ...terms, payerKey: key.publicKey, ...punishing };
}

/** Finds the channels of a seed in transactions, given in the order of the chain. */
export class ChannelScan {
  readonly #coin: Coin;
  readonly #keys: SeedRing;
  readonly #byScript = new Map<string, FoundChannel>();

  constructor(coin: Coin, keys: SeedRing) {
    this.#coin = coin;
    this.#keys = keys;
  }

  get channels(): readonly FoundChannel[] {
    return [...this.#byScript.values()];
  }

  /** @returns whether the transaction deposits to a channel of this seed. */
  take(transaction: Transaction): boolean {
    this.#takeNote(transaction);
    const paid = new Map<string, Deposit[]>();
    let txid: TxId | undefined;
    for (const [vout, { script, value }] of transaction.outputs.entries()) {
      const name = bytesToHex(script);
      const channel = this.#byScript.get(name);
      if (channel === undefined || !isAmount(value) || value < leastDeposit(channel.terms)) continue;
      txid ??= transactionId(transaction);
      const deposits = paid.get(name) ?? [];
      deposits.push({ outpoint: { txid, vout }, value });
      paid.set(name, deposits);
    }
    for (const [name, deposits] of paid) this.#add(name, deposits, encodeTransaction(transaction));
    return paid.size > 0;
  }

  /** A note counts only together with a deposit to the channel that it describes: only a real note can give that channel's hash. */
  #takeNote(transaction: Transaction): void {
    const note = readRecoveryNote(this.#coin, transaction, this.#keys.noteSecret());
    if (note === undefined) return;
    const keyName = branchKeyName(this.#coin, 'channel', note.keyIndex);
    const terms = termsWith(note.terms, this.#keys.signer(keyName));
    const name = bytesToHex(terms.contract.outputScript(terms));
    const isPaid = transaction.outputs.some(({ script }) => bytesToHex(script) === name);
    if (isPaid && !this.#byScript.has(name))
      this.#byScript.set(name, { keyIndex: note.keyIndex, terms, keyName, deposits: [], funding: [] });
  }

  #add(name: string, deposits: readonly Deposit[], transaction: Uint8Array): void {
    const known = this.#byScript.get(name);
    if (known === undefined) return;
    this.#byScript.set(name, { ...known, deposits: [...known.deposits, ...deposits], funding: [...known.funding, transaction] });
  }
}
