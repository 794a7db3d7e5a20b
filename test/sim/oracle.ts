import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId, equalBytes, type TxId, txId } from '../../src/core/base/bytes.ts';
import { isTime, kindOf, LOCK_TIME_THRESHOLD } from '../../src/core/base/height.ts';
import { blocksOn, type ChainTime } from '../../src/core/base/lock-time.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { allDeposits } from '../../src/core/channel/payer-state.ts';
import { payeeSnapshot, payerSnapshot } from '../../src/core/channel/snapshot.ts';
import { depthFor, type YoungBound } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { leastStake } from '../../src/core/contract/anti-pinning.ts';
import type { Deposit, HeldOutput, Terms } from '../../src/core/contract/contract.ts';
import { capacityOf, isDue, payerScript } from '../../src/core/contract/contract.ts';
import { isReleased } from '../../src/core/contract/refund-signature.ts';
import { isProofFor } from '../../src/core/message/key-proof.ts';
import type { Announce, Offer, Reply, Request } from '../../src/core/message/message.ts';
import { hash160, p2pkh } from '../../src/core/tx/script.ts';
import { outpointKey, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import type { Write } from '../../src/engine/ports.ts';
import type { TakenPayment } from '../../src/transport/request-handler.ts';
import { chainTimeAt, costIn, isExpired, medianTime, type SimChain } from './chain.ts';
import type { Disk } from './disk.ts';
import { verify } from './keys.ts';
import { Revocations, takersIn } from './revocations.ts';
import { isOverdue, Market, type Standing } from './shop.ts';

/** A rule of money was broken. */
export class Violation extends Error {}

/** What really happened in one channel, as only the simulator knows it. */
export interface Truth {
  readonly channel: ChannelId;
  readonly payer: string;
  readonly terms: Terms;
  readonly script: string;
  /** Scripts that pay to the payer, in hex. */
  readonly own: ReadonlySet<string>;
  /** The largest total that the payee acknowledged and must still know of. */
  acknowledged: bigint;
  /** The largest total that went out signed by the payer, ends included. */
  signed: bigint;
  /** Invoices delivered, each with the total that paid it. */
  readonly delivered: Map<string, { readonly total: bigint; readonly price: bigint; readonly era: number }>;
  /** What was delivered for increments as they came, by the total that paid for it. */
  readonly sold: { readonly total: bigint; readonly added: bigint }[];
  /** Blocks of the margin before which the payee had not seen the chain as it is. */
  unattended: number;
  /** Height at which the payee had had time enough to close. */
  kept: number | undefined;
  /** Transactions of the deposits that the payee accepted. */
  readonly funding: Set<TxId>;
  readonly offer: Offer;
  /** What the offer lets it deliver before deposits are deep. */
  readonly unconfirmed: bigint;
  /** Ends that the payee has signed. */
  readonly ends: Set<TxId>;
  /** The best total on the payee's disk. */
  stored: bigint;
  /** Values of those deposits by outpoint, in the payee's order. */
  readonly deposits: Map<string, bigint>;
  /** All that the payer's owner ever meant to spend. */
  wished: bigint;
  /** What of it was taken back. */
  readonly back: Revocations;
  /** What is spent on the payee's disk, where that was set back: nobody holds it to what it no longer knows, and it sells nothing more. */
  spentBefore?: bigint;
}

/** What contracts make a payer pay more than it owes: the least total, change that would be dust, and one unit for each item out of credit. */
const ROUNDING = 10n * coin.policy.dust;
/** The highest sequence of an input that may be replaced (BIP125). */
const MOST_REPLACEABLE = 0xffff_fffd;
/** Blocks that no payer locks its coins for without having said so. */
const MOST_LOCKED = 200_000;
/** No close of a few deposits is longer. */
const MOST_CLOSE_BYTES = 1_000n;
/** An output of so much is left where it is. */
export const CRUMB: bigint = (coin.policy.dust * 3n) / 2n;
/** A payer's own deposits, and what it takes in of strangers. */
const MOST_KEPT = 80;
/** So many blocks of a margin may go by unseen. */
const MOST_UNATTENDED = 2;
/** Blocks in a row, each seen by a payee whose node is sound, that are enough to get a close mined. */
const ENOUGH = 6;

/** Watches every message, broadcast and block, and knows the rules I1 to I11. */
export class Oracle {
  readonly truths: Map<ChannelId, Truth> = new Map();
  readonly #byScript = new Map<string, Truth>();
  readonly #chain: SimChain;
  readonly #disk: Disk;
  readonly #shop: Standing;
  readonly #market = new Market();
  /** The payee's reading of the chain that is under way. */
  #look: { readonly height: number; readonly before: ReadonlyMap<ChannelId, bigint> } | undefined;
  readonly #mostExposed: bigint;
  readonly #young: readonly YoungBound[];
  /** Since which block a deposit's transaction has been in none. */
  readonly #unmined = new Map<TxId, number>();
  #highest = 0;
  #latest = 0;
  /** Funding that had its way back when it first left: wallets send their own again, also when another took its place. */
  readonly #released = new Set<TxId>();
  readonly #depths = new Map<TxId, number>();
  /** Transactions of deposits that a payer was told are taken, or will be. */
  readonly #agreed = new Set<TxId>();
  /** Fundings that may never have been mined, as far as a node could tell when they were taken. */
  readonly #doubted = new Set<TxId>();
  readonly #prices = new Map<string, { readonly channel: ChannelId; readonly price: bigint }>();
  #soundRun = 0;
  #rate: bigint = coin.policy.feeRate;
  #worstRate: bigint = coin.policy.feeRate;

  /** Name of the payer who plans, and hinders closes by all that the mempool's rules allow. */
  plotter: string | undefined;

  constructor(chain: SimChain, disk: Disk, shop: Standing, mostExposed: bigint, young: readonly YoungBound[]) {
    this.#mostExposed = mostExposed;
    this.#young = young;
    this.#chain = chain;
    this.#disk = disk;
    this.#shop = shop;
  }

  opened(payer: string, channel: ChannelId, terms: Terms, offer: Offer, own: ReadonlySet<string>): void {
    if (this.truths.has(channel)) return;
    const { expiry } = terms;
    const left = expiry - (isTime(expiry) ? medianTime(this.#chain) : this.#chain.tip.height);
    if (left > blocksOn(kindOf(expiry), MOST_LOCKED, coin.blockSeconds)) throw new Violation(`I7 ${channel} locks coins for ${left}`);
    const script = bytesToHex(terms.contract.outputScript(terms));
    const truth: Truth = {
      channel,
      payer,
      terms,
      script,
      own,
      acknowledged: 0n,
      signed: 0n,
      delivered: new Map(),
      sold: [],
      unattended: 0,
      kept: undefined,
      funding: new Set(),
      wished: 0n,
      offer,
      unconfirmed: offer.unconfirmed ?? 0n,
      ends: new Set(),
      deposits: new Map(),
      stored: 0n,
      back: new Revocations(terms),
    };
    const { tooNear } = truth.back;
    if (tooNear !== undefined) throw new Violation(`I11 ${channel} is announced with ${tooNear}`);
    this.truths.set(channel, truth);
    this.#byScript.set(script, truth);
  }

  /** `disk`: of the payer who sent it; what was signed must be on it first. */
  sent(request: Request, disk: Disk | undefined): void {
    if (request.kind !== 'payment' && request.kind !== 'end') return;
    const truth = this.truths.get(request.channel);
    const total = request.kind === 'payment' ? request.payment.total : request.agreement.total;
    if (truth !== undefined && total > truth.signed) truth.signed = total;
    if (request.kind === 'payment') truth?.back.signed(request.payment);
    else truth?.back.signed({ total: request.agreement.total });
    if (disk === undefined) return;
    if (total > signedIn(disk.durable('payer-channel', request.channel), truth?.back.isPossible === true))
      throw new Violation(`I4 ${total} was sent and is not on the payer's disk in ${request.channel}`);
  }

  /** The payee's owner means to give back so much. */
  ordered(channel: ChannelId, order: string, value: bigint): void {
    this.truths.get(channel)?.back.ordered(order, value);
  }

  wished(channel: ChannelId, price: bigint): void {
    const truth = this.truths.get(channel);
    if (truth !== undefined) truth.wished += price;
  }

  /** No purchase is charged twice, and nobody talks a payer into signing more than its owner meant to spend. */
  checkWish(channel: ChannelId, total: bigint): void {
    const truth = this.#truth(channel);
    // While fees are high the first payment is what its close is worth then; the rest is credit.
    const worth = (this.#worstRate * 4n * MOST_CLOSE_BYTES) / 1_000n;
    if (total > truth.wished + ROUNDING + (this.#worstRate > coin.policy.feeRate ? worth : 0n))
      throw new Violation(`I5 ${total} is signed for wishes of ${truth.wished} in ${channel}`);
  }

  /** Writes of the payee that are on its disk: a best total never goes down. `isCurrent`: what wrote them has seen the last block. */
  stored(writes: readonly Write[], isCurrent: boolean): void {
    for (const { kind, id, value = '' } of writes) {
      const truth = kind === 'payee-channel' ? this.truths.get(id as ChannelId) : undefined;
      const best = bestIn(value);
      if (truth === undefined) continue;
      const state = payeeSnapshot.decode(value);
      if (truth.spentBefore !== undefined) {
        this.#checkSetBack(truth, state);
        continue;
      }
      this.#checkTaken(truth, state, isCurrent);
      this.#checkEndRate(truth, state);
      // What is stored is accepted, though the answer may have been lost with the program.
      this.#accepted(truth.channel, state.deposits);
      if (best < truth.stored) this.#givenBack(truth, state, best);
      truth.back.era = state.revoked ?? 0;
      if (state.best?.hash !== undefined && truth.back.wasShown(state.best.hash))
        throw new Violation(`I11 ${best} is stored in ${id} under a hash whose secret was shown`);
      truth.stored = best;
    }
  }

  /** I11: a payee that does not know which of its secrets the payer has sells nothing. */
  #checkSetBack(truth: Truth, { channel, spent, deposits }: PayeeState): void {
    if (truth.spentBefore !== undefined && spent > truth.spentBefore)
      throw new Violation(`I11 ${spent - truth.spentBefore} are sold in ${channel} by a payee that was set back`);
    truth.spentBefore = spent;
    this.#accepted(channel, deposits);
  }

  /** The payee's store is an older copy, or an empty one, and its owner knows: what it can have revoked it may still close with. */
  setBack(): void {
    this.#doubted.clear();
    for (const truth of this.truths.values()) {
      if (!truth.back.isPossible) continue;
      const text = this.#disk.durable('payee-channel', truth.channel);
      truth.spentBefore = text === undefined ? 0n : payeeSnapshot.decode(text).spent;
      truth.acknowledged = 0n;
      truth.delivered.clear();
      truth.sold.splice(0);
    }
  }

  /** I8: a best total goes down with the next secret alone, and by no more than the owner meant to give back. */
  #givenBack(truth: Truth, { channel, revoked = 0 }: PayeeState, best: bigint): void {
    const { back, stored } = truth;
    if (!back.isPossible || revoked !== back.era + 1) throw new Violation(`I8 ${best} was stored over ${stored} in ${channel}`);
    back.returned += stored - best;
    if (back.returned > back.meant) throw new Violation(`I8 ${back.returned} are given back in ${channel}, not ${back.meant}`);
    if (truth.acknowledged > best) truth.acknowledged = best;
  }

  /** I4: what payers store counts nothing as given back without the secret. */
  payerStored(writes: readonly Write[], isRobbed: boolean): void {
    for (const { kind, id, value } of writes) {
      const truth = kind === 'payer-channel' ? this.truths.get(id as ChannelId) : undefined;
      if (truth === undefined || value === undefined) continue;
      const state = payerSnapshot.decode(value);
      truth.wished -= truth.back.kept(state);
      if (!isRobbed && state.kind !== 'ended' && state.signed < truth.back.bound)
        throw new Violation(`I4 the payer counts ${state.signed} as signed, and may lose ${truth.back.bound} in ${id}`);
    }
  }

  /** I11: a secret leaves when nothing is left that it revokes: neither in the payee's own state nor in what watchers read. */
  #checkShown(channel: ChannelId, secret: Uint8Array): void {
    const { back } = this.#truth(channel);
    const hash = hash160(secret);
    back.shown(hash);
    const text = this.#disk.durable('payee-channel', channel);
    const state = text === undefined ? undefined : payeeSnapshot.decode(text);
    if (this.#truth(channel).spentBefore !== undefined) return;
    const isUnder = (one: { readonly hash?: Uint8Array }): boolean => one.hash !== undefined && equalBytes(one.hash, hash);
    const closing = state !== undefined && 'transaction' in state && state.transaction !== undefined ? back.heldIn(state.transaction) : [];
    if ((state?.best !== undefined && isUnder(state.best)) || closing.some(isUnder))
      throw new Violation(`I11 a secret is shown while ${channel} can still be closed with what it revokes`);
    this.watched(channel, this.watchFile(channel));
  }

  /** What watchers read of a channel. */
  watchFile: (channel: ChannelId) => string | undefined = () => undefined;

  /** I11: what watchers can close with is not revoked. */
  watched(channel: ChannelId, text: string | undefined): void {
    const { back, spentBefore } = this.#truth(channel);
    if (spentBefore === undefined && text !== undefined && [...back.all].some((hash) => text.includes(hash)))
      throw new Violation(`I11 watchers can close ${channel} with what is revoked`);
  }

  /** I10: deposits are taken by the stricter of what was offered and of what the shop stands by now, and only in time. */
  #checkTaken(truth: Truth, { terms, deposits }: PayeeState, isCurrent: boolean): void {
    const { channel, deposits: known, offer } = truth;
    const fresh = deposits.filter(({ outpoint }) => !known.has(outpointKey(outpoint)));
    if (fresh.length === 0) return;
    for (const { outpoint } of fresh) if (this.#isDoubted(outpoint.txid)) this.#doubted.add(outpoint.txid);
    const depthOf = ({ outpoint }: Deposit): number => this.#depths.get(outpoint.txid) ?? 0;
    const fault = this.#shop.fault({ terms, deposits, fresh, isUnconfirmed: offer.unconfirmed !== undefined, depthOf });
    if (fault !== undefined) throw new Violation(`I10 taken in ${channel}: ${fault}`);
    const [first] = deposits;
    const firstAt = first && this.#chain.mined.get(first.outpoint.txid)?.height;
    if (isCurrent && known.size === 0 && isOverdue(offer, this.#chain.tip.height, firstAt))
      throw new Violation(`I10 taken in ${channel}, whose offer was for no later than ${offer.origin?.until}`);
  }

  /** It pays less than what is mined soon, builds on what is in no block itself, or says that it may be replaced. */
  #isDoubted(txid: TxId): boolean {
    const waiting = this.#chain.pool.get(txid);
    const cost = costIn(this.#chain, txid);
    if (waiting === undefined || cost === undefined || this.#depths.has(txid)) return false;
    const isSlow = cost.fee * 1000n < this.#market.seen * BigInt(cost.size);
    return isSlow || cost.ancestors > 0 || waiting.transaction.inputs.some(({ sequence }) => sequence <= MOST_REPLACEABLE);
  }

  /** I3: nothing is delivered on such a funding before a block has had it. */
  #checkDoubted(truth: Truth, total: bigint): void {
    const [before, after] = [this.#doubtedOf(truth, truth.acknowledged), this.#doubtedOf(truth, total)];
    if (after > before) throw new Violation(`I3 ${after} of ${total} taken in ${truth.channel} rests on a funding that may never be mined`);
  }

  #doubtedOf(truth: Truth, total: bigint): bigint {
    const isDoubted = ({ txid }: { readonly txid: TxId }): boolean => this.#doubted.has(txid) && !this.#depths.has(txid);
    const parts = this.#sharesOf(truth, total);
    if (truth.terms.signing.kind === 'fixed') return parts.some(isDoubted) ? total : 0n;
    return parts.filter(isDoubted).reduce((sum, { value }) => sum + value, 0n);
  }

  /** I2: what the payee signs is no slower than what it would send itself. Known where nothing else is wrong. */
  #checkEndRate(truth: Truth, state: PayeeState): void {
    if (this.plotter === undefined || state.kind !== 'closing') return;
    const txid = transactionId(state.transaction);
    if (truth.ends.has(txid)) return;
    truth.ends.add(txid);
    if (this.#market.isSlowEnd(state)) throw new Violation(`I2 an end is signed that is slower than a close in ${truth.channel}`);
  }

  /** The payee begins to read the chain. */
  polling(before: ReadonlyMap<ChannelId, bigint>): void {
    this.#market.begin();
    this.#look = { height: this.#chain.tip.height, before };
  }

  /** What is due goes before all that strangers can lengthen, but where the mempool is what says who takes the deposits. */
  readsMempool(): void {
    if (this.#look === undefined) return;
    const { height, before } = this.#look;
    const taken = new Set(
      [...this.#chain.pool.values()].flatMap(({ transaction }) => transaction.inputs.map((one) => outpointKey(one.outpoint))),
    );
    for (const truth of this.truths.values()) {
      const isThere = [...truth.deposits.keys()].every((key) => this.#chain.outputs.has(key) && !taken.has(key));
      if (isThere && this.#isLeftOpen(truth, height, before))
        throw new Violation(`I2 the mempool is read before the close of ${truth.channel}`);
    }
  }

  /** A payment or not: whether a channel that is due, and was paid before, is as it was. */
  #isLeftOpen({ channel, terms }: Truth, height: number, before: ReadonlyMap<ChannelId, bigint>): boolean {
    const text = this.#disk.durable('payee-channel', channel) ?? '';
    const isSame = bestIn(text) > 0n && bestIn(text) === before.get(channel);
    return isSame && isDue(terms, chainTimeAt(this.#chain, height)) && text.includes('"kind":"open"');
  }

  /** What a payer keeps of a channel is bounded, whoever makes outputs to it. */
  kept(writes: readonly Write[]): void {
    for (const { kind, id, value } of writes) {
      if (kind !== 'payer-channel' || value === undefined) continue;
      const state = payerSnapshot.decode(value);
      const count = allDeposits(state).length;
      const isTwice = new Set(state.funding.map(bytesToHex)).size < state.funding.length;
      if (count > MOST_KEPT || isTwice)
        throw new Violation(`I7 ${count} outputs are kept in ${id}${isTwice ? ', and one transaction twice' : ''}`);
    }
  }

  /**
   * I7: what a payer announces beside its own is in the chain: nobody waits for what a stranger may never have mined. Once an end is begun nobody
   * waits any more, and refunds are all that is to be signed.
   */
  announced(channel: ChannelId, { deposits }: Announce, own: ReadonlySet<string>, disk: Disk): void {
    const isOthers = ({ outpoint: { txid } }: Deposit): boolean => {
      const made = this.#chain.mined.get(txid)?.transaction ?? this.#chain.pool.get(txid)?.transaction;
      return made !== undefined && !made.inputs.some(({ script }) => own.has(bytesToHex(p2pkh(script.subarray(script.length - 33)))));
    };
    const others = deposits.filter(isOthers);
    const young = others.find(({ outpoint }) => !this.#depths.has(outpoint.txid));
    if (young === undefined || others.length === deposits.length) return;
    const { kind } = payerSnapshot.decode(disk.durable('payer-channel', channel) ?? '');
    if (kind === 'planned' || kind === 'funding' || kind === 'open')
      throw new Violation(`I7 ${young.outpoint.txid} is announced, which somebody else may have mined`);
  }

  /** The best totals on the payee's disk. */
  bests(): ReadonlyMap<ChannelId, bigint> {
    return new Map([...this.truths.keys()].map((channel) => [channel, this.storedBest(channel)]));
  }

  /** The payee has read the chain to this height, by a sound node: what is due has begun, but where something was paid meanwhile. */
  polled(height: number, before: ReadonlyMap<ChannelId, bigint>): void {
    this.#market.end();
    this.#look = undefined;
    for (const truth of this.truths.values()) {
      if (this.#isLeftOpen(truth, height, before))
        throw new Violation(`I2 no close at ${height} in ${truth.channel}, which expires at ${truth.terms.expiry}`);
    }
  }

  /** What a payer hears, true or not. */
  heard(request: Request, reply: Reply): void {
    const isTaken = request.kind === 'announce' && (reply.kind === 'accepted' || reply.kind === 'provisional');
    const deposits = isTaken ? request.deposits : reply.kind === 'state' ? reply.deposits : [];
    for (const { outpoint } of deposits) this.#agreed.add(outpoint.txid);
  }

  /** I4: no deposit of a payer's own leaves before the payee has agreed to it. What a block has had is out already. */
  checkAgreed(transaction: Transaction, own: ReadonlySet<string>): void {
    const txid = transactionId(transaction);
    const made = transaction.outputs.find(({ script }) => this.#byScript.has(bytesToHex(script)));
    const isOwn = transaction.inputs.some(({ script }) => own.has(bytesToHex(p2pkh(script.subarray(script.length - 33)))));
    if (made !== undefined && isOwn && !this.#agreed.has(txid) && !this.#depths.has(txid))
      throw new Violation(`I4 ${txid} leaves, and the payee has not agreed to what it makes`);
  }

  /** Refunds wait for the expiry, and no coin leaves that its owner could not have back. */
  payerBroadcast(transaction: Transaction, disk: Disk): void {
    const failure = this.#chain.scriptFailure(transaction);
    if (failure !== undefined) throw new Violation(`I4 the payer believes in ${transactionId(transaction)}: ${failure}`);
    for (const { script } of transaction.outputs) {
      const truth = this.#byScript.get(bytesToHex(script));
      if (truth?.terms.contract.expiryIn === 'releases') this.#checkReleased(truth, transactionId(transaction), disk);
    }

    const reached = transaction.lockTime < LOCK_TIME_THRESHOLD ? this.#highest : this.#latest - 1;
    if (transaction.lockTime > reached) throw new Violation(`a refund for ${transaction.lockTime} goes out at ${reached}`);
  }

  /** Signatures are checked here by themselves: what is planted in the contract does not reach them. */
  #checkReleased({ channel, terms }: Truth, txid: TxId, disk: Disk): void {
    if (this.#released.has(txid)) return;
    const text = disk.durable('payer-channel', channel);
    const made = text === undefined ? [] : allDeposits(payerSnapshot.decode(text)).filter(({ outpoint }) => outpoint.txid === txid);
    if (made.length === 0 || !made.every((deposit) => isReleased(terms, deposit, verify)))
      throw new Violation(`I4 ${txid} leaves, and its refund is not signed, in ${channel}`);
    this.#released.add(txid);
  }

  /** Whoever holds a refund for an earlier time than is served under has what it bought and its coins. */
  #checkReleases(request: Request, reply: Reply): void {
    const truth = request.kind === 'announce' && 'channel' in reply ? this.truths.get(reply.channel) : undefined;
    if (truth === undefined || request.kind !== 'announce' || !('releases' in reply)) return;
    for (const [i, release] of (reply.releases ?? []).entries()) {
      const deposit = request.deposits[i];
      if (deposit === undefined || !isReleased(truth.terms, { ...deposit, release }, verify))
        throw new Violation(`I2 a refund is signed that is none at ${truth.terms.expiry} in ${truth.channel}`);
    }
  }

  /** What a channel holds is told to nobody but its payer. */
  #checkPresence(request: Request, reply: Reply): void {
    if (request.kind !== 'state-request' && request.kind !== 'invoice-request') return;
    const { kind, channel, proof } = request;
    const key = this.truths.get(channel)?.terms.payerKey;
    const isShown = proof !== undefined && key !== undefined && isProofFor(kind, channel, proof, key, verify);
    if (reply.kind !== 'refusal' && !isShown) throw new Violation(`I9 a stranger is told the ${reply.kind} of ${channel}`);
  }

  /** A reply leaves the payee: what it promises must be on the disk. */
  answered(request: Request, reply: Reply, isCurrent: boolean): void {
    this.#checkReleases(request, reply);
    this.#checkPresence(request, reply);
    const secret = reply.kind === 'receipt' ? reply.secret : reply.kind === 'state' ? reply.revocation?.secrets?.at(-1)?.secret : undefined;
    if (secret !== undefined && 'channel' in reply) this.#checkShown(reply.channel, secret);
    if (reply.kind === 'invoice') this.#prices.set(reply.id, { channel: reply.channel, price: reply.amount });
    const isSetBack = 'channel' in reply && reply.channel !== undefined && this.truths.get(reply.channel)?.spentBefore !== undefined;
    if (reply.kind === 'state' && reply.best !== undefined && !isSetBack) this.#durable(reply.channel, reply.best.total, 'shown');
    if (reply.kind === 'accepted' && request.kind === 'announce') {
      this.#accepted(reply.channel, request.deposits);
      const needed = depthFor(request.offer.depth, capacityOf(request.deposits));
      const shallow = request.deposits.find(({ outpoint }) => (this.#depths.get(outpoint.txid) ?? 0) < needed);
      if (shallow !== undefined && request.offer.unconfirmed === undefined)
        throw new Violation(`I3 ${shallow.outpoint.txid} was accepted before it was ${needed} deep`);
    }
    // On a funding that may never be mined nothing is given, whatever room there is.
    const isFull = reply.kind === 'refusal' && reply.code === 'exposure-full' && !('doubt' in reply.detail);
    if (isFull && request.kind === 'payment' && isCurrent) this.#checkRoom(this.#truth(request.channel), request.payment.total);
    if (reply.kind !== 'receipt' || request.kind !== 'payment') return;
    const truth = this.#truth(reply.channel);
    if (truth.spentBefore !== undefined) return;
    this.#durable(reply.channel, reply.total, 'acknowledged');
    if (reply.total > truth.acknowledged && !this.#hasEnded(truth)) this.#checkDoubted(truth, reply.total);
    // In a channel that is over nothing is taken any more: its receipts are those of payments that were, whose answers may have been lost.
    if (isCurrent && reply.total > truth.acknowledged && !this.#hasEnded(truth)) {
      this.#checkExposure(truth, reply.total);
      this.#checkYoung(truth, reply.total);
      if (this.plotter !== undefined && this.#market.isEatenUp(truth.terms, reply.total))
        throw new Violation(`I3 ${reply.total} taken in ${truth.channel}: its close costs more while fees are ${this.#market.seen}`);
    }
    if (reply.total > truth.acknowledged) truth.acknowledged = this.#lasting(truth, reply.total);
    if (reply.spent > reply.total) throw new Violation(`I3 ${reply.spent} is spent of ${reply.total} in ${reply.channel}`);
    if (reply.total > truth.signed) throw new Violation(`I4 ${reply.total} acknowledged, ${truth.signed} signed in ${reply.channel}`);
    if (reply.invoice !== undefined) this.#deliver(truth, reply.invoice, reply.total);
  }

  #accepted(channel: ChannelId, accepted: readonly Deposit[]): void {
    const { funding, deposits } = this.#truth(channel);
    for (const { outpoint, value } of accepted) {
      funding.add(outpoint.txid);
      deposits.set(outpointKey(outpoint), value);
    }
  }

  /** I3: what is taken is backed by deep deposits, or within what was declared for the channel and for all of them. */
  #checkExposure(truth: Truth, total: bigint): void {
    const [before, after] = [this.#exposureOf(truth, truth.acknowledged), this.#exposureOf(truth, total)];
    if (after <= before) return;
    // What was lost is exposed no more.
    const others = [...this.truths.values()].filter((one) => one !== truth && !this.#hasEnded(one));
    const sum = others.reduce((all, one) => all + this.#exposureOf(one, one.acknowledged), after);
    if (after > truth.unconfirmed) throw new Violation(`I3 ${total} taken in ${truth.channel}: ${after} of it has no deposit in the chain`);
    if (sum > this.#mostExposed)
      throw new Violation(`I3 ${sum} is exposed with ${total} taken in ${truth.channel}, more than ${this.#mostExposed}`);
  }

  /** I7: nothing is refused for the sake of what is written off. Known where nothing else is wrong, and nothing is lost. */
  #checkRoom(truth: Truth, total: bigint): void {
    if (this.plotter === undefined || total > [...truth.deposits.values()].reduce((sum, value) => sum + value, 0n)) return;
    const others = [...this.truths.values()].filter((one) => one !== truth && !this.#hasEnded(one));
    // What a refund has taken is exposed until that is buried.
    if (others.some(({ terms }) => isExpired(terms, chainTimeAt(this.#chain, this.#chain.tip.height)))) return;
    const needed = Math.max(...[truth, ...others].flatMap(({ offer }) => offer.depth.map(({ blocks }) => blocks)));
    const sumBelow = (below: number): bigint =>
      others.reduce((all, one) => all + this.#youngOf(one, one.signed, below), this.#youngOf(truth, total, below));
    const isLost = this.#partsOf(truth, total).some(({ depth }) => depth === 'lost');
    const isRoom = [{ below: needed, most: 0n }, ...this.#young].every(({ below, most }) => sumBelow(below) <= most + this.#mostExposed);
    if (isRoom && !isLost && this.#youngOf(truth, total, needed) <= truth.unconfirmed)
      throw new Violation(`I7 ${total} is refused in ${truth.channel}, though no more than ${sumBelow(needed)} is exposed`);
  }

  /** Open channels with something to close with. */
  paid(): readonly ChannelId[] {
    const texts = [...this.truths.keys()].map((channel) => [channel, this.#disk.durable('payee-channel', channel) ?? ''] as const);
    return texts.filter(([, text]) => text.includes('"kind":"open"') && bestIn(text) > 0n).map(([channel]) => channel);
  }

  #hasEnded({ channel }: Truth): boolean {
    return this.#disk.durable('payee-channel', channel)?.includes('"kind":"ended"') === true;
  }

  /** I3: what blocks hold that one reorganisation takes is bounded as a sum. */
  #checkYoung(truth: Truth, total: bigint): void {
    for (const { below, most } of this.#young) {
      const [before, after] = [this.#youngOf(truth, truth.acknowledged, below), this.#youngOf(truth, total, below)];
      const others = [...this.truths.values()].filter((one) => one !== truth && !this.#hasEnded(one));
      const sum = others.reduce((all, one) => all + this.#youngOf(one, one.acknowledged, below), after);
      if (after > before && sum > most + this.#mostExposed)
        throw new Violation(`I3 ${sum} rests on less than ${below} blocks with ${total} taken in ${truth.channel}, more than ${most}`);
    }
  }

  #youngOf(truth: Truth, total: bigint, below: number): bigint {
    const young = this.#partsOf(truth, total).filter(({ depth }) => depth !== 'lost' && depth < below);
    return young.reduce((sum, { value }) => sum + value, 0n);
  }

  /** Of which deposits a total is made, each with its depth. `lost`: in no block for so long that it is written off. */
  #partsOf(truth: Truth, total: bigint): readonly { readonly value: bigint; readonly depth: number | 'lost' }[] {
    const { height } = this.#chain.tip;
    const { signing } = truth.terms;
    const parts = this.#sharesOf(truth, total).map(({ txid, value }) => {
      const mined = this.#chain.mined.get(txid);
      const isLost = height - (this.#unmined.get(txid) ?? height) >= coin.channel.buried;
      return { value, depth: mined !== undefined ? height - mined.height + 1 : isLost ? ('lost' as const) : 0 };
    });
    if (signing.kind !== 'fixed') return parts;
    // Signed for all deposits that it takes from, or none.
    const worst = parts.toSorted((a, b) => (a.depth === 'lost' ? -1 : a.depth) - (b.depth === 'lost' ? -1 : b.depth))[0];
    return worst === undefined ? [] : [{ value: total, depth: worst.depth }];
  }

  /** What a total takes from each deposit, in their order. */
  #sharesOf({ deposits, terms: { signing } }: Truth, total: bigint): readonly { readonly txid: TxId; readonly value: bigint }[] {
    let left = total === 0n ? 0n : signing.kind === 'fixed' ? total + signing.fee : total;
    return [...deposits].flatMap(([key, worth]) => {
      const value = left < worth ? left : worth;
      left -= value;
      return value === 0n ? [] : [{ txid: txId(key.slice(0, 64)), value }];
    });
  }

  /** What of a total no deposit backs that is in a block, and that is not written off. Nothing is known here of how deep the payee wants it: less than it asks for. */
  #exposureOf(truth: Truth, total: bigint): bigint {
    const parts = this.#partsOf(truth, total).filter(({ depth }) => depth !== 'lost');
    const first = parts.findIndex(({ depth }) => depth === 0);
    return first === -1 ? 0n : parts.slice(first).reduce((sum, { value }) => sum + value, 0n);
  }

  #deliver(truth: Truth, invoice: string, total: bigint): void {
    const known = truth.delivered.get(invoice);
    if (known !== undefined && known.total !== total)
      throw new Violation(`I5 invoice ${invoice} was paid by ${known.total} and by ${total}`);
    const { era } = truth.back;
    const other = [...truth.delivered].find(([id, one]) => id !== invoice && one.total === total && one.era === era);
    if (other !== undefined) throw new Violation(`I5 ${total} bought ${invoice} and ${other[0]}`);
    const { channel, price } = this.#prices.get(invoice) ?? { channel: undefined, price: 0n };
    if (channel !== truth.channel) throw new Violation(`I5 invoice ${invoice} of another channel was delivered`);
    truth.delivered.set(invoice, known ?? { total, price, era });
    this.#checkDelivered(truth);
  }

  /** Something was delivered for what a payment has added. */
  sold({ receipt: { channel, total }, added }: TakenPayment): void {
    const truth = this.#truth(channel);
    if (truth.spentBefore !== undefined) {
      this.#checkUnsold(truth, added);
      return;
    }
    this.#durable(channel, total, 'acknowledged');
    if (total > truth.acknowledged && !this.#hasEnded(truth)) this.#checkDoubted(truth, total);
    if (total > truth.acknowledged) truth.acknowledged = this.#lasting(truth, total);
    if (added > 0n) truth.sold.push({ total, added });
    this.#checkDelivered(truth);
  }

  #checkUnsold({ channel }: Truth, added: bigint): void {
    if (added > 0n) throw new Violation(`I11 ${added} are sold in ${channel} by a payee that was set back`);
  }

  #checkDelivered(truth: Truth): void {
    const sum = deliveredIn(truth);
    if (sum > truth.acknowledged + truth.back.returned)
      throw new Violation(`I3 ${sum} delivered for ${truth.acknowledged} in ${truth.channel}`);
  }

  #truth(channel: ChannelId): Truth {
    const truth = this.truths.get(channel);
    if (truth === undefined) throw new Violation(`a channel that no payer made: ${channel}`);
    return truth;
  }

  /** What is acknowledged may have been given back before the answer left. */
  #lasting({ channel, back }: Truth, total: bigint): bigint {
    const stored = this.storedBest(channel);
    return back.era > 0 && stored < total ? stored : total;
  }

  #durable(channel: ChannelId, total: bigint, how: string): void {
    const stored = this.storedBest(channel) + this.#truth(channel).back.returned;
    if (stored < total) throw new Violation(`I1 ${total} ${how}, ${stored} on the disk in ${channel}`);
  }

  /** The payee's best total that a power cut would leave. */
  storedBest(channel: ChannelId): bigint {
    return bestIn(this.#disk.durable('payee-channel', channel) ?? '');
  }

  /** After a power cut or a restart: nothing that was acknowledged is gone. */
  checkDurable(): void {
    for (const { channel, acknowledged } of this.truths.values()) {
      const stored = this.storedBest(channel);
      if (stored < acknowledged) throw new Violation(`I1 ${acknowledged} was acknowledged, ${stored} is left in ${channel}`);
    }
  }

  /** Another store of the same seed has taken the deposits of a channel: both would deliver for them. */
  takenTwice(channel: ChannelId): void {
    if ((this.truths.get(channel)?.deposits.size ?? 0) > 0) throw new Violation(`I5 two stores took the deposits of ${channel}`);
  }

  /** The payee's disk was set back: it is held to what it then knows. */
  restored(): void {
    // What is announced again is judged again.
    this.#doubted.clear();
    for (const truth of this.truths.values()) {
      const stored = this.storedBest(truth.channel);
      truth.stored = stored;
      if (stored < truth.acknowledged) {
        truth.acknowledged = stored;
        for (const [id, { total }] of truth.delivered) if (total > stored) truth.delivered.delete(id);
        truth.sold.splice(0, truth.sold.length, ...truth.sold.filter(({ total }) => total <= stored));
      }
    }
  }

  /** I6: what the payee sends out leaves the payer no more than the best total does, but for deposits that are out of the chain and wait for their turn. */
  broadcast(transaction: Transaction): void {
    if (transaction.lockTime < LOCK_TIME_THRESHOLD && transaction.lockTime > this.#highest)
      throw new Violation(`I11 a payout for ${transaction.lockTime} goes out at ${this.#highest}`);
    const spent = new Set(transaction.inputs.map(({ outpoint }) => outpointKey(outpoint)));
    for (const [truth, taken] of this.#takenBy(transaction)) {
      if (truth.spentBefore === undefined && truth.back.heldIn(transaction).some(({ hash }) => truth.back.wasShown(hash)))
        throw new Violation(`I6 a revoked close of ${truth.channel} is sent`);
      const best = this.storedBest(truth.channel);
      const away = [...truth.deposits].filter(([key]) => !spent.has(key) && !this.#chain.outputs.has(key));
      if (taken + away.reduce((sum, [, value]) => sum + value, 0n) < best)
        throw new Violation(`I6 a broadcast takes ${taken} of ${best} in ${truth.channel}`);
      if (transaction.lockTime > 0) throw new Violation('I6 the payee broadcasts a refund');
    }
  }

  /** How many channels a transaction closes. */
  sharers(transaction: Transaction): number {
    return this.#takenBy(transaction).size;
  }

  /** For each channel that a transaction spends from, what does not go to the payer: payee and fee. */
  #takenBy(transaction: Transaction): Map<Truth, bigint> {
    const taken = new Map<Truth, bigint>();
    for (const { outpoint } of transaction.inputs) {
      const found = this.#depositAt(outpointKey(outpoint));
      if (found !== undefined) taken.set(found.truth, (taken.get(found.truth) ?? 0n) + found.value);
    }
    for (const [truth, value] of taken) {
      // Where several channels of a payer close together, each has its change to its own key.
      const own = taken.size > 1 ? new Set([bytesToHex(payerScript(truth.terms))]) : truth.own;
      const back = transaction.outputs.filter(({ script }) => own.has(bytesToHex(script)));
      taken.set(truth, value - back.reduce((sum, one) => sum + one.value, 0n));
    }
    return taken;
  }

  /** A deposit in the chain, or one that was accepted and has been taken from it: what spends that too is judged as a whole. */
  #depositAt(key: string): { readonly truth: Truth; readonly value: bigint } | undefined {
    const output = this.#outputAt(key);
    const truth = output && this.#byScript.get(bytesToHex(output.script));
    if (output !== undefined) return truth && { truth, value: output.value };
    const owner = [...this.truths.values()].find(({ deposits }) => deposits.has(key));
    return owner && { truth: owner, value: owner.deposits.get(key) ?? 0n };
  }

  #outputAt(key: string): { readonly value: bigint; readonly script: Uint8Array } | undefined {
    const [txid = '', vout] = key.split(':');
    const known = this.#chain.find(key);
    if (known !== undefined) return known;
    return this.#chain.mined.get(txId(txid))?.transaction.outputs[Number(vout)];
  }

  /** A block came. `isSound`: the payee had seen the one before, by a node that told the truth. */
  mined(isSound: boolean): void {
    this.#soundRun = isSound ? this.#soundRun + 1 : 0;
    const { height } = this.#chain.tip;
    this.#highest = Math.max(this.#highest, height);
    this.#latest = Math.max(this.#latest, medianTime(this.#chain));
    for (const [txid, { height: at }] of this.#chain.mined) this.#depths.set(txid, Math.max(this.#depths.get(txid) ?? 0, height - at + 1));
    this.#noteUnmined(height, isSound);
    for (const truth of this.truths.values()) {
      // A total that such fees would eat up waits for better times.
      const isUsual = this.#rate === coin.policy.feeRate;
      // What was sent at the rate that nodes knew of is raised only where it can be replaced: the payout's key is not the payee's here.
      const { signing, contract } = truth.terms;
      const canBeRaised = signing.kind === 'flexible' && contract.form.sequence <= MOST_REPLACEABLE;
      const isWorthIt = canBeRaised && truth.acknowledged > this.#leastStake(truth);
      const at = (blocks: number): ChainTime => chainTimeAt(this.#chain, height + blocks);
      const isOver = isExpired(truth.terms, at(0));
      if (!isSound && !isOver && isDue(truth.terms, at(0))) truth.unattended++;
      const isLast = !isOver && isExpired(truth.terms, { ...at(1), medianTime: at(0).medianTime + coin.blockSeconds });
      if (
        this.isFunded(truth, height - ENOUGH) &&
        (isUsual || (isWorthIt && isLast)) &&
        !isOver &&
        isDue(truth.terms, at(-ENOUGH)) &&
        this.#soundRun >= ENOUGH
      )
        truth.kept ??= height;
      if (isOver && !isExpired(truth.terms, at(-1))) this.#checkClosed(truth);
    }
  }

  /** What a total has to be above for its close to be paid for, as fees are now. */
  #leastStake({ payer, terms }: Truth): bigint {
    return payer === this.plotter ? leastStake(terms, amount(this.#rate)) : (this.#rate * MOST_CLOSE_BYTES) / 250n;
  }

  /** A payee that has not seen a deposit come and go counts on. */
  #noteUnmined(height: number, isSound: boolean): void {
    for (const { funding } of this.truths.values()) {
      for (const txid of funding) {
        if (!this.#chain.mined.has(txid)) this.#unmined.set(txid, this.#unmined.get(txid) ?? height - 1);
        else if (isSound) this.#unmined.delete(txid);
      }
    }
  }

  get isClosingTime(): boolean {
    const { height } = this.#chain.tip;
    const at = chainTimeAt(this.#chain, height);
    return [...this.truths.values()].some(({ terms }) => isDue(terms, at) && !isExpired(terms, at));
  }

  /** Fees have changed: what is under way has to be made anew, if that is worth it. */
  spiked(rate: bigint): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.#market.rate = rate;
    if (rate > this.#worstRate) this.#worstRate = rate;
    this.#soundRun = 0;
  }

  /** What others have built on a close that waits costs more than half of what it takes: no raise that is worth it gets past that. */
  #isPinned(deposits: Truth['deposits'], acknowledged: bigint): boolean {
    const close = [...this.#chain.pool.values()].find(({ transaction }) =>
      transaction.inputs.some(({ outpoint }) => deposits.has(outpointKey(outpoint))),
    );
    const cost = close && costIn(this.#chain, close.txid);
    return cost !== undefined && (cost.fee + (cost.burden ?? 0n)) * 2n > acknowledged;
  }

  /** At the expiry a close that had its time is in a block. */
  #checkClosed({ channel, terms, kept, acknowledged, deposits }: Truth): void {
    const isOpen = deposits.size > 0 && [...deposits.keys()].every((key) => this.#chain.outputs.has(key));
    if (kept !== undefined && acknowledged > 0n && isOpen && !this.#isPinned(deposits, acknowledged))
      throw new Violation(`I2 no close in a block by ${terms.expiry} in ${channel}, there was time since ${kept}`);
  }

  /** Something took a close back, or may have: time runs anew. */
  disrupted(fork: number): void {
    this.#soundRun = 0;
    for (const truth of this.truths.values()) if (truth.kept !== undefined && fork < truth.kept) truth.kept = undefined;
  }

  /** A deposit that was replaced by another transaction, or came back after block `by`, can't be closed in time: that is what depth is for. */
  isFunded({ funding }: Truth, by: number = Number.POSITIVE_INFINITY): boolean {
    return [...funding].every((txid) => {
      const mined = this.#chain.mined.get(txid);
      return mined !== undefined && mined.height <= by;
    });
  }

  /** All money is somewhere: `granted` is what there was at the start. */
  checkSum(granted: bigint): void {
    const outputs = [...this.#chain.outputs.values()].reduce((sum, { value }) => sum + value, 0n);
    if (outputs + this.#chain.fees !== granted)
      throw new Violation(`${outputs} in outputs and ${this.#chain.fees} gone in fees are not ${granted}`);
  }

  /** At the end: whether somebody who plans has more than it paid for, beyond what the shop chose to risk. */
  checkRobbed(young: bigint): void {
    const { taken } = this.#settlement();
    const own = [...this.truths.values()].filter((truth) => truth.payer === this.plotter && truth.unattended <= MOST_UNATTENDED);
    const losses = own.map((truth) => ({ truth, loss: deliveredIn(truth) - (taken.get(truth) ?? 0n) })).filter(({ loss }) => loss > 0n);
    const large = losses.filter(({ truth }) => truth.acknowledged > leastStake(truth.terms, amount(this.#worstRate)));
    const sum = large.reduce((all, { loss }) => all + loss, 0n);
    const told = large.map(({ truth, loss }) => `${loss} of ${truth.acknowledged} in ${truth.channel}`).join(', ');
    if (sum > this.#mostExposed + young) throw new Violation(`I2 ${this.plotter} has ${sum} more than it paid for: ${told}`);
  }

  /** At the end of a fair chain. What was taken is read off the blocks. Who plans need not fetch what is its own. */
  checkEnd(isHonest: boolean): void {
    const { taken, fees } = this.#settlement();
    for (const truth of this.truths.values()) {
      const [gone, fee] = [taken.get(truth) ?? 0n, fees.get(truth) ?? 0n];
      const name = `${truth.channel} of ${truth.payer}`;
      const bound = truth.back.isPossible ? truth.back.bound : truth.signed;
      if (gone - fee > bound) throw new Violation(`I4 the payee took ${gone - fee}, ${bound} were signed in ${name}`);
      const isClosed = fee < gone;
      if (isClosed && truth.terms.signing.kind === 'flexible' && gone > truth.signed + fee) throw new Violation(`I4 ${gone} left ${name}`);
      if (truth.kept !== undefined && this.isFunded(truth) && gone < truth.acknowledged) {
        throw new Violation(`I2 the payee took ${gone} of ${truth.acknowledged} in ${name}, having had time since ${truth.kept}`);
      }
    }
    for (const one of this.#heldOutputs()) this.#checkHeld(one, isHonest && one.truth.spentBefore === undefined);
    for (const [key, { script, value }] of this.#chain.outputs) {
      const truth = this.#byScript.get(bytesToHex(script));
      // Crumbs that anybody can strew are not worth what fetching them costs.
      if (truth !== undefined && truth.payer !== this.plotter && value > CRUMB)
        throw new Violation(`I7 ${value} is still locked at ${key} in ${truth.channel}`);
    }
  }

  /** What closes in blocks hold, or have held. */
  #heldOutputs(): readonly Held[] {
    const truths = [...this.truths.values()].filter(({ back }) => back.isPossible);
    if (truths.length === 0) return [];
    const takers = takersIn(this.#chain.mined.values());
    return [...this.#chain.mined.values()].flatMap(({ transaction }) =>
      [...this.#takenBy(transaction).keys()].flatMap((truth) =>
        truth.back.heldIn(transaction).map((one) => ({ ...one, truth, transaction, taker: takers.get(outpointKey(one.outpoint)) })),
      ),
    );
  }

  /** Height from which nothing that is held can be taken any more by who is not to have it; undefined where nothing is held. */
  heldUntil(): number | undefined {
    const heights = this.#heldOutputs().map(({ truth }) => truth.back.payoutAt);
    return heights.length === 0 ? undefined : Math.max(...heights);
  }

  /** I4: what a revoked close held is the payer's. I7: what another did is taken. */
  #checkHeld({ truth, hash, value, taker, outpoint }: Held, isHonest: boolean): void {
    if (value <= CRUMB * 2n || truth.payer === this.plotter) return;
    const isPayers = taker?.outputs.every(({ script }) => truth.own.has(bytesToHex(script))) === true;
    if (truth.back.isRevoked(hash) && !isPayers)
      throw new Violation(`I4 ${value} of a revoked close are ${taker === undefined ? 'left' : 'taken by the payee'} in ${truth.channel}`);
    if (isHonest && taker === undefined) throw new Violation(`I7 ${value} is still held at ${outpointKey(outpoint)} in ${truth.channel}`);
  }

  /** What left each channel for the payee and for fees, and what of that went in fees. */
  #settlement(): { readonly taken: ReadonlyMap<Truth, bigint>; readonly fees: ReadonlyMap<Truth, bigint> } {
    const taken = new Map<Truth, bigint>();
    const fees = new Map<Truth, bigint>();
    const held = this.#heldOutputs();
    for (const { transaction } of this.#chain.mined.values()) {
      const shares = this.#takenBy(transaction);
      const claims = held.filter((one) => one.transaction === transaction).flatMap(({ taker, truth }) => (taker ? [{ taker, truth }] : []));
      for (const { taker, truth } of claims) {
        const back = taker.outputs.filter(({ script }) => truth.own.has(bytesToHex(script)));
        shares.set(truth, (shares.get(truth) ?? 0n) - sumOf(back));
      }
      const all = [...shares.values()].reduce((sum, value) => sum + value, 0n);
      const paid = sumOf(
        [transaction, ...claims.map(({ taker }) => taker)].flatMap(({ outputs }) =>
          outputs.filter(({ script }) => this.#shop.isOwn(script)),
        ),
      );
      for (const [truth, value] of shares) {
        taken.set(truth, (taken.get(truth) ?? 0n) + value);
        // Channels that close together bear the fee by what is taken from each.
        if (all > 0n) fees.set(truth, (fees.get(truth) ?? 0n) + ((all - paid) * value) / all);
      }
    }
    return { taken, fees };
  }
}

/** An output that a close holds, and what took it. */
interface Held extends HeldOutput {
  readonly truth: Truth;
  readonly transaction: Transaction;
  readonly taker: Transaction | undefined;
}

function sumOf(outputs: readonly { readonly value: bigint }[]): bigint {
  return outputs.reduce((sum, { value }) => sum + value, 0n);
}

/** All that a payer's disk says it may lose. */
function signedIn(text: string | undefined, isDeep: boolean): bigint {
  if (text === undefined) return 0n;
  return isDeep ? payerSnapshot.decode(text).signed : BigInt(/"signed":"(\d+)"/.exec(text)?.[1] ?? 0);
}

/** All that a channel was given for. */
function deliveredIn({ delivered, sold }: Truth): bigint {
  const increments = sold.reduce((sum, { added }) => sum + added, 0n);
  return [...delivered.values()].reduce((sum, { price }) => sum + price, increments);
}

/** The total of the best payment in a stored state; 0 without one. */
function bestIn(text: string): bigint {
  return BigInt(/"best":\{"total":"(\d+)"/.exec(text)?.[1] ?? 0);
}
