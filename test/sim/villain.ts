import { amount } from '../../src/core/base/amount.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { payeeSnapshot } from '../../src/core/channel/snapshot.ts';
import type { Signer } from '../../src/core/tx/sign.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { KeyRing } from '../../src/engine/ports.ts';
import { idOf, type SimChain } from './chain.ts';
import type { Chance } from './chance.ts';
import type { Disk } from './disk.ts';
import { Purse } from './purse.ts';
import type { Stage } from './stage.ts';

const CROWD = 24;

/** A merchant who means harm: it has the shop's keys and disk, and wants nothing but that payers do not get their money back. */
export class Villain {
  readonly #stage: Stage;
  readonly #chain: SimChain;
  readonly #disk: Disk;
  readonly #keys: KeyRing;
  readonly #purse: Purse;
  /** The shop is gone; what is left of it is this. */
  hasTakenOver: boolean = false;

  constructor(stage: Stage, chain: SimChain, disk: Disk, keys: KeyRing, purse: Signer) {
    this.#stage = stage;
    this.#chain = chain;
    this.#disk = disk;
    this.#keys = keys;
    this.#purse = new Purse(chain, [purse]);
  }

  get #chance(): Chance {
    return this.#stage.chance;
  }

  /** Closes as slowly as nodes let it, and has its own children keep that from being replaced. */
  hinder(): void {
    if (!this.hasTakenOver) return;
    for (const text of this.#disk.values('payee-channel')) {
      const transaction = this.#slowClose(payeeSnapshot.decode(text));
      if (transaction === undefined || this.#chain.accept(transaction).kind !== 'accepted') continue;
      this.#stage.note(`villain closes slowly ${idOf(transaction).txid.slice(0, 8)}`);
      if (this.#chance.happens(0.5)) this.#crowd(transaction);
    }
  }

  #slowClose({ terms, deposits, best: payment, keyName }: PayeeState): Transaction | undefined {
    const isFree = deposits.every(({ outpoint }) => this.#chain.find(outpointKey(outpoint)) !== undefined);
    if (payment === undefined || !isFree) return undefined;
    const feeRate = amount((this.#chain.relayRate * 6n) / 5n);
    const signer = this.#keys.signer(keyName);
    const made = terms.contract.close([{ terms, deposits, payment, signer }], { script: this.#purse.script, feeRate });
    return isRefusal(made) ? undefined : made;
  }

  #crowd(parent: Transaction): void {
    let [last] = this.#purse.outputsOf(idOf(parent).txid, parent);
    for (let i = 0; i < CROWD && last !== undefined; i++) {
      const child = this.#purse.make({ coins: [last], outputs: [], feeRate: this.#chain.relayRate * 2n });
      if (child === undefined || this.#chain.accept(child).kind !== 'accepted') return;
      [last] = this.#purse.outputsOf(idOf(child).txid, child);
    }
  }
}
