import { amount } from '../../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { invoicePreimage } from '../../../src/core/channel/payee-locks.ts';
import type { PayeeState } from '../../../src/core/channel/payee-state.ts';
import { payeeSnapshot } from '../../../src/core/channel/snapshot.ts';
import { dogecoinRegtest as coin } from '../../../src/core/coin/dogecoin.ts';
import type { Payment } from '../../../src/core/contract/contract.ts';
import type { Pay } from '../../../src/core/message/message.ts';
import { hash160 } from '../../../src/core/tx/script.ts';
import { outpointKey, type Transaction } from '../../../src/core/tx/transaction.ts';
import type { KeyRing, Write } from '../../../src/engine/ports.ts';
import { idOf, type SimChain } from '../chain.ts';
import { nativeKeyRing } from '../keys.ts';
import type { Stage } from '../stage.ts';

/** Blocks before a height that count as the last. */
const LAST = 2;

/** A hub, or a payee, that means harm: it is gone, and uses its keys, its disk and every payment that it was ever sent. */
export class HubRobber {
  readonly #stage: Stage;
  readonly #chain: SimChain;
  readonly #payments = new Map<ChannelId, Payment[]>();
  readonly #states = { hub: new Map<ChannelId, PayeeState>(), payee: new Map<ChannelId, PayeeState>() };
  readonly #preimages = { hub: new Map<string, Uint8Array>(), payee: new Map<string, Uint8Array>() };
  readonly #keys: Readonly<Record<'hub' | 'payee', KeyRing>> = { hub: nativeKeyRing('hub'), payee: nativeKeyRing('payee') };

  constructor(stage: Stage, chain: SimChain) {
    this.#stage = stage;
    this.#chain = chain;
  }

  heard({ channel, payment, invoice }: Pay): void {
    const state = this.#states.payee.get(channel);
    if (state !== undefined && invoice !== undefined) {
      // Who sells has the preimage of what it sells, also where it refused to.
      const preimage = invoicePreimage({ signer: this.#keys.payee.signer(state.keyName) }, invoice);
      this.#preimages.payee.set(bytesToHex(hash160(preimage)), preimage);
    }
    const known = this.#payments.get(channel) ?? [];
    this.#payments.set(channel, [...known, payment]);
  }

  /** What a disk tells: also the preimages that somebody who forwards has learned. */
  stored(who: 'hub' | 'payee', writes: readonly Write[]): void {
    for (const { kind, id, value = '' } of writes) {
      if (kind === 'payee-channel' && value !== '') {
        const state = payeeSnapshot.decode(value);
        this.#states[who].set(id as ChannelId, state);
        for (const { preimage } of state.revealed ?? []) this.#preimages[who].set(bytesToHex(hash160(preimage)), preimage);
      }
    }
  }

  act(who: 'hub' | 'payee', moment: 'at once' | 'last' | 'late', canMine: boolean): readonly Transaction[] {
    const closes = [...this.#states[who].values()].flatMap((state) => this.#close(who, state, moment) ?? []);
    const claims = [...this.#states[who].values()].flatMap((state) => this.#claims(who, state, moment));
    const made = [...closes, ...claims];
    if (canMine) return made;
    for (const one of made) {
      const { kind } = this.#chain.accept(one);
      if (kind === 'accepted') this.#stage.note(`${who} robs with ${idOf(one).txid.slice(0, 8)}`);
    }
    return [];
  }

  #close(who: 'hub' | 'payee', state: PayeeState, moment: string): Transaction | undefined {
    const { terms, deposits, keyName, channel } = state;
    const { height } = this.#chain.tip;
    const isTime = moment === 'at once' ? this.#stage.chance.happens(0.2) : height >= terms.expiry - LAST - 4;
    const isFree = deposits.length > 0 && deposits.every(({ outpoint }) => this.#chain.outputs.has(outpointKey(outpoint)));
    const payment = this.#stage.chance.pickAny(this.#payments.get(channel) ?? []);
    if (!isTime || !isFree || payment === undefined) return undefined;
    const signer = this.#keys[who].signer(keyName);
    const made = terms.contract.close([{ terms, deposits, payment, signer }], { script: terms.payeeScript, feeRate: coin.policy.feeRate });
    return isRefusal(made) ? undefined : made;
  }

  #claims(who: 'hub' | 'payee', { terms, channel, keyName }: PayeeState, moment: string): readonly Transaction[] {
    const { hashLocks } = terms.contract;
    const { height } = this.#chain.tip;
    const locks = (this.#payments.get(channel) ?? []).flatMap(({ locks: held = [] }) => held);
    if (hashLocks === undefined || locks.length === 0) return [];
    const mined = [...this.#chain.mined.values()].filter(({ transaction }) => transaction.outputs.length > 1);
    const held = mined.flatMap(({ transaction }) => hashLocks.outputs(terms, transaction, locks));
    return held.flatMap((one) => {
      const preimage = this.#preimages[who].get(bytesToHex(one.lock.hash));
      const from = { 'at once': 0, last: one.lock.expiry - LAST, late: one.lock.expiry }[moment] ?? 0;
      if (preimage === undefined || height < from || !this.#chain.outputs.has(outpointKey(one.outpoint))) return [];
      const to = { script: terms.payeeScript, feeRate: amount(coin.policy.feeRate * 2n) };
      const made = hashLocks.claim(terms, [{ ...one, preimage }], to, this.#keys[who].signer(keyName));
      return isRefusal(made) ? [] : [made];
    });
  }
}
