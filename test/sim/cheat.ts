import { type Amount, amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { payeeSnapshot } from '../../src/core/channel/snapshot.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { KeyRing, Write } from '../../src/engine/ports.ts';
import { idOf, type SimChain } from './chain.ts';
import type { Giving } from './profile.ts';
import type { Purse } from './purse.ts';
import type { Stage } from './stage.ts';

/** Blocks before or behind the expiry that a miner who is in it with the payee aims at. */
const NEAR = 2;
/** No coin of its own that raises a close may be worth more: all of it is fee. */
const MOST_RAISE: Amount = amount(50_000_000n);

/** A merchant who keeps every payment it ever had, and in the end closes with one that it has revoked. */
export class Cheat {
  readonly #stage: Stage;
  readonly #chain: SimChain;
  readonly #keys: KeyRing;
  readonly #purse: Purse;
  readonly #giving: Giving;
  readonly #mine: (chosen: readonly Transaction[]) => void;
  /** The largest total under each hash, by channel. */
  readonly #kept = new Map<ChannelId, Map<string, PayeeState>>();
  readonly #revoked = new Map<ChannelId, number>();
  readonly #sent = new Map<ChannelId, { readonly state: PayeeState; readonly close: Transaction }>();
  /** When what the payer sends was first seen: whoever mines for the cheat leaves it for so many blocks. */
  readonly #seen = new Map<string, number>();
  hasTakenOver: boolean = false;
  /** It closes with what it revoked, then. */
  onCheat: (when: string) => void = () => undefined;

  constructor(stage: Stage, chain: SimChain, keys: KeyRing, purse: Purse, giving: Giving, mine: (chosen: readonly Transaction[]) => void) {
    this.#stage = stage;
    this.#chain = chain;
    this.#keys = keys;
    this.#purse = purse;
    this.#giving = giving;
    this.#mine = mine;
  }

  /** Keeps what the shop stores. */
  stored(writes: readonly Write[]): void {
    for (const { kind, id, value } of writes) {
      if (kind !== 'payee-channel' || value === undefined) continue;
      const state = payeeSnapshot.decode(value);
      this.#revoked.set(id as ChannelId, state.revoked ?? 0);
      const ofChannel = this.#kept.get(state.channel) ?? new Map<string, PayeeState>();
      this.#kept.set(state.channel, ofChannel);
      if (state.best?.hash === undefined) continue;
      const before = ofChannel.get(bytesToHex(state.best.hash));
      if ((before?.best?.total ?? 0n) < state.best.total) ofChannel.set(bytesToHex(state.best.hash), state);
    }
  }

  get hasRevoked(): boolean {
    return [...this.#revoked.values()].some((count) => count > 0);
  }

  /** Whether the miner leaves a transaction out. */
  isCensored(transaction: Transaction): boolean {
    const key = this.#censoredKey(transaction);
    if (key === undefined || this.#giving.censored === 0) return false;
    const since = this.#seen.get(key) ?? this.#chain.tip.height;
    this.#seen.set(key, since);
    return this.#chain.tip.height - since < this.#giving.censored;
  }

  /** What answers the cheat: refunds and penalties. */
  #censoredKey({ inputs, lockTime }: Transaction): string | undefined {
    const closes = new Set([...this.#sent.values()].map(({ close }) => idOf(close).txid));
    const [held] = inputs.filter(({ outpoint }) => closes.has(outpoint.txid));
    if (held !== undefined) return `penalty ${outpointKey(held.outpoint)}`;
    const [first] = inputs;
    return lockTime > 0 && first !== undefined && this.hasTakenOver ? `refund ${outpointKey(first.outpoint)}` : undefined;
  }

  hinder(): void {
    if (!this.hasTakenOver) return;
    for (const [channel, states] of this.#kept) {
      if (!this.#sent.has(channel)) this.#cheat(channel, states);
      else this.#claim(channel);
    }
  }

  /** Closes with the most that was ever paid under a hash that is revoked; with what is not, where nothing is. */
  #cheat(channel: ChannelId, states: ReadonlyMap<string, PayeeState>): void {
    const all = [...states.values()].filter((state) => (state.revoked ?? 0) < (this.#revoked.get(channel) ?? 0) || states.size === 1);
    const [state] = all.toSorted((a, b) => Number((b.best?.total ?? 0n) - (a.best?.total ?? 0n)));
    if (state?.best === undefined || !this.#isTime(state)) return;
    const isFree = state.deposits.every(({ outpoint }) => this.#chain.outputs.has(outpointKey(outpoint)));
    const close = isFree ? this.#close(state) : undefined;
    if (close === undefined) return;
    const outcome = this.#giving.hasMiner ? 'mined' : this.#chain.accept(close).kind;
    if (outcome === 'mined') this.#mine([close]);
    else if (outcome !== 'accepted') return;
    this.#sent.set(channel, { state, close });
    this.onCheat(`${this.#giving.moment}${this.#giving.raises ? ', raised' : ''}`);
    this.#stage.note(`a revoked close ${idOf(close).txid.slice(0, 8)} is ${outcome}`);
  }

  #isTime({ terms: { expiry }, deposits }: PayeeState): boolean {
    const { height } = this.#chain.tip;
    switch (this.#giving.moment) {
      case 'at once':
        return true;
      case 'before the expiry':
        return height >= expiry - NEAR;
      case 'after the expiry':
        return height >= expiry;
      case 'against the refund': {
        const since = deposits.map(({ outpoint }) => this.#seen.get(`refund ${outpointKey(outpoint)}`)).find((at) => at !== undefined);
        return since !== undefined && height >= since + this.#giving.censored - NEAR;
      }
    }
  }

  #close(state: PayeeState): Transaction | undefined {
    const { terms, deposits, best: payment, keyName } = state;
    if (payment === undefined) return undefined;
    const signer = this.#keys.signer(keyName);
    const raises = this.#giving.raises ? this.#purse.coins().filter(({ value, isMined }) => isMined && value <= MOST_RAISE) : [];
    const fillers = raises.slice(0, 1).map(({ outpoint, value, signer: own }) => ({ outpoint, value: amount(value), signer: own }));
    const made = terms.contract.close(
      [{ terms, deposits, payment, signer }],
      { script: this.#purse.script, feeRate: terms.coin.policy.feeRate },
      fillers,
    );
    return isRefusal(made) ? undefined : made;
  }

  /** Takes what its close holds, once that is possible; at a fee that nobody outbids. */
  #claim(channel: ChannelId): void {
    const sent = this.#sent.get(channel);
    if (sent?.state.best?.hash === undefined) return;
    const { close, state } = sent;
    const { terms, keyName } = state;
    const { revocation } = terms.contract;
    if (revocation === undefined || this.#chain.tip.height < revocation.payoutAt(terms)) return;
    const held = revocation
      .outputs(terms, close, [sent.state.best.hash])
      .filter(({ outpoint }) => this.#chain.outputs.has(outpointKey(outpoint)));
    if (held.length === 0) return;
    const feeRate = amount(terms.coin.policy.feeRate * 2n);
    const payout = revocation.payout(terms, held, { script: this.#purse.script, feeRate }, this.#keys.signer(keyName));
    if (isRefusal(payout)) return;
    this.#stage.note(`a payout ${idOf(payout).txid.slice(0, 8)} of a revoked close is mined`);
    this.#mine([payout]);
  }
}
