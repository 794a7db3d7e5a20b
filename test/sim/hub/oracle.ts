import { bytesToHex, type ChannelId, equalBytes } from '../../../src/core/base/bytes.ts';
import { fateOf } from '../../../src/core/channel/payer-locks.ts';
import type { PayerState } from '../../../src/core/channel/payer-state.ts';
import { payeeSnapshot, payerSnapshot } from '../../../src/core/channel/snapshot.ts';
import type { Terms } from '../../../src/core/contract/contract.ts';
import { hopBlocks } from '../../../src/core/contract/hash-lock.ts';
import { type HashLock, isAmong, isSameLock, lockUnder, type PaymentHash, worthOf } from '../../../src/core/contract/pending.ts';
import type { Pay } from '../../../src/core/message/message.ts';
import { hash160 } from '../../../src/core/tx/script.ts';
import type { Write } from '../../../src/engine/ports.ts';
import type { SimChain } from '../chain.ts';
import type { Disk } from '../disk.ts';
import { CRUMB, Violation } from '../oracle.ts';
import type { Wish } from './buyer.ts';
import { type Account, accountOf, Locks, sumOf } from './ledger.ts';
import { OUTGOING } from './side.ts';

/** Who is not there any more, or means harm: nothing is promised to them. */
export interface Absent {
  readonly hub: boolean;
  readonly payee: boolean;
  readonly payer: (channel: ChannelId) => boolean;
}

/** Knows what was pending where, who has which preimage, and what the blocks say of it in the end. */
export class HubOracle {
  readonly locks: Locks = new Locks();
  readonly terms: Map<ChannelId, { readonly terms: Terms; readonly isOutgoing: boolean }> = new Map();
  readonly #chain: SimChain;
  readonly #hub: Disk;
  readonly #wishes = new Map<string, Wish>();
  /** What the hub has sent for: the lock under each hash, and whether it was settled. */
  readonly #forwarded = new Map<string, { readonly channel: ChannelId; readonly lock: HashLock; isSettled: boolean }>();
  readonly #bests = new Map<ChannelId, Pay['payment']>();
  /** Hashes whose preimages payers have stored, and those for which the payee has marked an invoice as paid. */
  readonly proven: Set<string> = new Set();
  readonly delivered: Set<string> = new Set();
  readonly #failed = new Set<string>();

  constructor(chain: SimChain, hub: Disk) {
    this.#chain = chain;
    this.#hub = hub;
  }

  wished(wish: Wish): void {
    this.#wishes.set(bytesToHex(wish.hash), wish);
  }

  /** A payment leaves: what was signed is on its payer's disk first. */
  sent({ channel, payment }: Pay, disk: Disk, isHub: boolean): void {
    this.locks.add(channel, payment.locks);
    const text = disk.durable(isHub ? OUTGOING : 'payer-channel', channel);
    if (text === undefined || payerSnapshot.decode(text).signed < worthOf(payment))
      throw new Violation(`I4 ${worthOf(payment)} was sent and is not on the payer's disk in ${channel}`);
    if (isHub) this.#forwards(channel, payment);
    else this.#checkPaid(channel, payment.total);
  }

  /** I4: a total holds what the payer has preimages for, and nothing else. */
  #checkPaid(channel: ChannelId, total: bigint): void {
    const bound = this.#boundOf(channel);
    if (total > bound) throw new Violation(`I4 ${total} is paid in ${channel}, and preimages are known for ${bound}`);
  }

  #boundOf(channel: ChannelId): bigint {
    const known = [...this.#wishes].filter(([hash, wish]) => wish.channel === channel && this.proven.has(hash));
    return known.reduce((sum, [, { total }]) => sum + total, 0n);
  }

  #forwards(channel: ChannelId, payment: Pay['payment']): void {
    const before = this.#bests.get(channel);
    this.#bests.set(channel, payment);
    const { locks = [] } = payment;
    for (const lock of locks) this.#forward(channel, lock);
    const gone = (before?.locks ?? []).filter(({ hash }) => lockUnder(hash, locks) === undefined);
    const state = payerSnapshot.decode(this.#hub.durable(OUTGOING, channel) ?? '');
    for (const { hash } of gone) if (fateOf(state, hash).kind === 'revealed') this.#settled(hash);
  }

  /** I12: nothing is forwarded that the hub does not hold itself, for more and longer; and each hash once. */
  #forward(channel: ChannelId, lock: HashLock): void {
    const key = bytesToHex(lock.hash);
    const known = this.#forwarded.get(key);
    if (known !== undefined && !(known.channel === channel && isSameLock(known.lock, lock)))
      throw new Violation(`I12 ${key} is forwarded a second time in ${channel}`);
    if (known !== undefined) return;
    this.#forwarded.set(key, { channel, lock, isSettled: false });
    const own = this.#held(lock.hash);
    if (own === undefined) throw new Violation(`I12 ${key} is forwarded, and nothing is pending under it in a channel of the hub's own`);
    if (own.amount <= lock.amount) throw new Violation(`I12 ${lock.amount} is forwarded for ${own.amount} under ${key}`);
    const terms = this.terms.get(channel)?.terms;
    if (terms !== undefined && own.expiry < lock.expiry + hopBlocks(terms.coin))
      throw new Violation(`I12 ${key} is pending until ${lock.expiry} there and until ${own.expiry} here`);
  }

  /** What payers have locked under a hash and the hub has not given up, as its disk says. */
  #held(hash: PaymentHash): HashLock | undefined {
    const states = this.#hub.values('payee-channel').map((text) => payeeSnapshot.decode(text));
    return states.flatMap(({ best, failed = [] }) => (isAmong(hash, failed) ? [] : (lockUnder(hash, best?.locks) ?? []))).at(0);
  }

  /** I12: who pays for a preimage has it on the disk, where its own payer is shown it from. */
  #settled(hash: PaymentHash): void {
    const key = bytesToHex(hash);
    const known = this.#forwarded.get(key);
    if (known !== undefined) known.isSettled = true;
    const isKept = this.#hub.durable('hub-hop', key)?.includes('"preimage"') === true || this.#isRevealed(hash);
    if (!isKept) throw new Violation(`I12 ${key} is settled with the payee, and the hub's disk has no preimage for its own payer`);
  }

  #isRevealed(hash: PaymentHash): boolean {
    const states = this.#hub.values('payee-channel').map((text) => payeeSnapshot.decode(text));
    return states.some(({ revealed = [] }) => revealed.some(({ preimage }) => bytesToHex(hash160(preimage)) === bytesToHex(hash)));
  }

  payerStored(writes: readonly Write[]): void {
    for (const { kind, id, value } of writes) {
      if (kind !== 'payer-channel' || value === undefined) continue;
      const state = payerSnapshot.decode(value);
      this.#meet(id as ChannelId, state.terms, false);
      for (const { lock, preimage } of state.locks ?? [])
        if (preimage !== undefined && equalBytes(hash160(preimage), lock.hash)) this.proven.add(bytesToHex(lock.hash));
    }
  }

  hubStored(writes: readonly Write[]): void {
    for (const { kind, id, value } of writes) {
      if (value === undefined) continue;
      if (kind === OUTGOING) this.#meet(id as ChannelId, payerSnapshot.decode(value).terms, true);
      if (kind !== 'payee-channel') continue;
      const { failed = [] } = payeeSnapshot.decode(value);
      for (const hash of failed) this.#gaveUp(id as ChannelId, hash);
    }
  }

  payeeStored(writes: readonly Write[]): void {
    for (const { kind, value } of writes) {
      if (kind !== 'payee-channel' || value === undefined) continue;
      for (const { lock } of payeeSnapshot.decode(value).revealed ?? []) this.delivered.add(bytesToHex(lock.hash));
    }
  }

  #meet(channel: ChannelId, terms: Terms, isOutgoing: boolean): void {
    if (!this.terms.has(channel)) this.terms.set(channel, { terms, isOutgoing });
  }

  /** I12: what is given up in the own channel is dead in the next one. */
  #gaveUp(channel: ChannelId, hash: PaymentHash): void {
    const key = bytesToHex(hash);
    if (this.#failed.has(key) || this.#wishes.get(key)?.channel !== channel) return;
    this.#failed.add(key);
    const states = this.#hub.values(OUTGOING).map((text) => payerSnapshot.decode(text));
    const alive = states.find((state: PayerState) => fateOf(state, hash).kind !== 'gone');
    if (alive !== undefined) throw new Violation(`I12 ${key} is given up and may still be claimed in ${alive.channel}`);
    if (this.#forwarded.get(key)?.isSettled) throw new Violation(`I12 ${key} is given up, and was paid for`);
  }

  accounts(): readonly (Account & { readonly isOutgoing: boolean })[] {
    return [...this.terms].map(([channel, { terms, isOutgoing }]) => ({
      ...accountOf(this.#chain, channel, terms, this.locks.of(channel)),
      isOutgoing,
    }));
  }

  /** At the end: what the blocks say against what was promised to whoever is still there. */
  checkEnd(absent: Absent): void {
    const accounts = this.accounts().map((one) => withUnclaimed(one, one.isOutgoing ? absent.payee : absent.hub));
    for (const one of accounts) this.#checkLeft(one, absent);
    for (const { channel, taken, isOutgoing } of accounts) {
      const bound = this.#boundOf(channel);
      if (!isOutgoing && !absent.payer(channel) && taken > bound)
        throw new Violation(`I4 ${taken} was taken in ${channel}, and preimages are known for ${bound}`);
    }
    const income = sum(accounts.filter(({ isOutgoing }) => !isOutgoing));
    const outgo = sum(accounts.filter(({ isOutgoing }) => isOutgoing));
    const sold = [...this.delivered].flatMap((hash) => this.#wishes.get(hash) ?? []);
    const [prices, totals] = [sold.reduce((all, { price }) => all + price, 0n), sold.reduce((all, { total }) => all + total, 0n)];
    if (!absent.payee && outgo < prices) throw new Violation(`I2 the payee has ${outgo}, and delivered for ${prices}`);
    if (absent.hub) return;
    if (income < outgo) throw new Violation(`I12 the hub got ${income} and paid ${outgo}`);
    if (!absent.payee && income < totals) throw new Violation(`I12 the hub got ${income}, and preimages are worth ${totals}`);
  }

  /** I7: nothing stays where only a party that is there can fetch it. */
  #checkLeft({ channel, left, pending, isOutgoing }: Account & { readonly isOutgoing: boolean }, absent: Absent): void {
    const isPayerGone = isOutgoing ? absent.hub : absent.payer(channel);
    if (isPayerGone) return;
    const deposit = left.find((value) => value > CRUMB);
    if (deposit !== undefined) throw new Violation(`I7 ${deposit} is still locked in ${channel}`);
    const lock = pending.find(({ taker }) => taker === undefined);
    if (lock !== undefined) throw new Violation(`I7 ${lock.value} is still pending in ${channel}`);
  }
}

/** What a payee that is gone has not claimed is the payer's only if no older close is as good as that: it counts as taken. */
function withUnclaimed<One extends Account>(one: One, isPayeeGone: boolean): One {
  if (!isPayeeGone) return one;
  const unclaimed = one.pending.filter(({ taker }) => taker === undefined);
  return { ...one, taken: one.taken + sumOf(unclaimed), pending: [] };
}

function sum(accounts: readonly Account[]): bigint {
  return accounts.reduce((all, { taken }) => all + taken, 0n);
}
