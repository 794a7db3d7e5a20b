import { type Amount, add, amount, MAX_AMOUNT, subtract, ZERO } from '../core/base/amount.ts';
import { type ChannelId, txId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { isSettlement } from '../core/channel/payer-coop-close.ts';
import { totalAhead } from '../core/channel/payer-pay.ts';
import { allDeposits, channelOf, type PayerState, remainingOf } from '../core/channel/payer-state.ts';
import { type Contract, isDue } from '../core/contract/contract.ts';
import { DEFAULT_WINDOW, MAX_BITCOINJ_BYTES } from '../core/message/bitcoinj/message.ts';
import type { Offer } from '../core/message/message.ts';
import { scriptOf } from '../core/tx/address.ts';
import { p2pkh } from '../core/tx/script.ts';
import { verifyPortable } from '../core/tx/sign.ts';
import { decodeTransaction, type Transaction } from '../core/tx/transaction.ts';
import { type Chain, type Clock, isTaken, type KeyRing, type Line } from '../engine/ports.ts';
import { BitcoinjClient, type Proposal } from '../transport/bitcoinj/client.ts';
import type { Farewell } from '../transport/bitcoinj/client-dialogue.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { Agent, AgentOptions } from './agent.ts';
import type { Exchange } from './request.ts';

export interface BitcoinjPayerOptions {
  readonly agent: Agent;
  readonly chain: Chain;
  readonly wallet: Wallet;
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** The channels that may exist with this server. */
  readonly known: () => Promise<readonly PayerState[]>;
  /** Records the server of a channel, before any coin is in it. */
  readonly remember: (channel: ChannelId) => Promise<void>;
  /** Called before a channel is funded that opens with more than the server asks for; see `AgentOptions`. Accepted unless given. */
  readonly raised?: AgentOptions['raised'];
}

export interface BitcoinjOrder {
  /**
   * Kinds of channel that the owner accepts, the best first: a server may answer with any of them. In version 1 the refund needs the server's
   * signature.
   */
  readonly contracts: readonly [Contract, ...Contract[]];
  /** Of a new channel; without it only an existing one is resumed. */
  readonly capacity?: Amount;
  /** Lifetime of a new channel in seconds; 24 hours less a minute unless given. */
  readonly window?: number;
  /**
   * The largest first payment that is accepted; 1,000 units unless given. More is paid where a payment of that size would not pay for its own
   * settlement.
   */
  readonly minPayment?: Amount;
}

/** A payment that the server has acknowledged. */
export interface Acknowledged {
  readonly kind: 'acknowledged';
  /** More than was asked for where the first payment must pay for a settlement, or the rest would have been dust. */
  readonly paid: Amount;
  /** The amount of an earlier unanswered payment that was sent again first, with its data. */
  readonly resent?: Amount;
  readonly state: PayerState;
  readonly info?: Uint8Array;
}

/** An open channel and the connection to its server. */
export interface BitcoinjChannel {
  readonly kind: 'channel';
  readonly channel: ChannelId;
  readonly isResumed: boolean;
  /**
   * Pays so much more. An unanswered payment is sent again first, by this connection or a later one. @throws WorldError `peer-unreachable` when the
   * server has hung up: a pending payment stays pending.
   */
  readonly pay: (value: Amount, info?: Uint8Array) => Promise<Acknowledged | Refusal>;
  /** Asks for the settlement; undefined where the server sent none: then it will be found in the chain. */
  readonly settle: () => Promise<Transaction | undefined>;
  /** Ends only the connection. */
  readonly hangUp: () => Promise<void>;
  /** Resolves when the connection has ended, with the settlement if the server sent one. */
  readonly over: Promise<Transaction | undefined>;
}

/** Used for a deposit that does not exist yet: what it pays does not depend on its id. */
const UNFUNDED = txId('00'.repeat(32));
/** The first payment that bitcoinj's payers accept. */
const USUAL_MIN_PAYMENT = amount(1_000n);
/** Seconds before its expiry at which bitcoinj's servers settle a channel. */
const CLOSING_MARGIN = 7_200;
/** The part of a message's bytes that data sent with a payment may use. */
const MOST_INFO = MAX_BITCOINJ_BYTES - 256;
/** Seconds that the server's clock may be ahead of this one. */
const MOST_AHEAD = 60;

/** Resumes a channel if there is one, or makes one: it is funded only after the server has proposed acceptable terms. */
export async function openBitcoinj(line: Line, order: BitcoinjOrder, options: BitcoinjPayerOptions): Promise<BitcoinjChannel | Refusal> {
  const client = new BitcoinjClient(line);
  try {
    const opened = await openedBy(client, order, options);
    if (!isRefusal(opened)) return opened;
    await client.hangUp();
    return opened;
  } catch (error) {
    await client.hangUp();
    throw error;
  }
}

async function openedBy(client: BitcoinjClient, order: BitcoinjOrder, options: BitcoinjPayerOptions): Promise<BitcoinjChannel | Refusal> {
  const before = await resumable(order, options);
  const { window = DEFAULT_WINDOW, contracts } = order;
  const [contract, ...others] = before === undefined ? contracts : [before.terms.contract];
  const [deposit] = before === undefined ? [] : allDeposits(before);
  const answer = await client.greet({ contract, others, window, ...(deposit && { previous: deposit.outpoint.txid }) });
  const isResumed = answer.kind === 'resumed';
  const state = isResumed ? await resumed(client, before ?? neverAsked(), options) : await made(client, answer, order, options);
  return isRefusal(state) ? state : channelOver(client, state, isResumed, options);
}

function neverAsked(): never {
  throw new Error('a channel was resumed that nobody asked for');
}

/** A channel with the server that has money and time left. */
async function resumable(
  { contracts }: BitcoinjOrder,
  { known, chain, agent, clock }: BitcoinjPayerOptions,
): Promise<PayerState | undefined> {
  const { tip, medianTime } = agent.engine.follower.seen();
  const at = { tip: tip.height, medianTime, now: clock.now() };
  for (const state of (await known()).toReversed()) {
    const [deposit] = allDeposits(state);
    const isLive = state.kind === 'funding' || (state.kind === 'open' && (remainingOf(state) > 0n || state.pending !== undefined));
    if (deposit === undefined || !isLive || !contracts.includes(state.terms.contract) || isDue(state.terms, at)) continue;
    // A payer that was sent no settlement notices one here.
    if ((await chain.output(deposit.outpoint)) !== undefined) return state;
  }
  return undefined;
}

/** A channel that the server knows is open, even if this side never got that message. */
async function resumed(client: BitcoinjClient, state: PayerState, { agent }: BitcoinjPayerOptions): Promise<PayerState | Refusal> {
  if (state.kind === 'open') return state;
  const { channel } = state;
  const answer = await agent.announce(
    channel,
    client.connection(() => agent.engine.get(channel)),
  );
  return stateIn(answer);
}

async function made(
  client: BitcoinjClient,
  proposal: Proposal,
  order: BitcoinjOrder,
  { agent, chain, wallet, clock, remember, raised = async () => true }: BitcoinjPayerOptions,
): Promise<PayerState | Refusal> {
  const { capacity, window = DEFAULT_WINDOW } = order;
  if (capacity === undefined) return refuse('channel-unknown');
  const refusal = await unacceptable(client, proposal, capacity, order, clock);
  if (refusal !== undefined) return refusal;
  const returnScript = scriptOf(chain.coin, await wallet.receiveAddress()) ?? new Uint8Array();
  // Lifetime, capacity and contract were chosen by the owner, and the proposal keeps to them.
  const limits = { lifetime: window + MOST_AHEAD, minDeposit: capacity, expiryIn: proposal.contract.expiryIn };
  const planned = await agent.plan(offerOf(proposal, capacity, chain), proposal.expiry, returnScript, limits);
  if (isRefusal(planned)) return planned;
  const { channel } = planned;
  const due = proposal.minPayment;
  const moves = openingOf(planned, capacity, due);
  if (moves > due && !(await raised({ channel, due, moves }))) return refuse('price-too-high', { price: moves, most: due });
  await remember(channel);
  const connection = client.connection(() => agent.engine.get(channel));
  const funded = await agent.fund(channel, capacity, connection);
  if (isRefusal(funded)) return funded;
  const announced = await agent.announce(channel, connection);
  if (isRefusal(announced)) return announced;
  return stateIn(await agent.pay(channel, { amount: proposal.minPayment }, connection));
}

/** The amount of the first payment, as its contract requires. */
function openingOf(planned: PayerState, capacity: Amount, due: Amount): Amount {
  const deposit = { outpoint: { txid: UNFUNDED, vout: 0 }, value: capacity };
  const total = totalAhead({ ...channelOf(planned), kind: 'open', deposits: [deposit] }, due);
  return isRefusal(total) ? due : total;
}

function stateIn(answer: Exchange | Refusal): PayerState | Refusal {
  return isRefusal(answer) ? answer : answer.state;
}

/** What is wrong with a proposal; the server has been told. */
async function unacceptable(
  client: BitcoinjClient,
  { expiry, minCapacity, minPayment }: Proposal,
  capacity: Amount,
  { window = DEFAULT_WINDOW, minPayment: agreed }: BitcoinjOrder,
  clock: Clock,
): Promise<Refusal | undefined> {
  const latest = Math.floor(clock.now() / 1000) + window + MOST_AHEAD;
  const most = agreed ?? USUAL_MIN_PAYMENT;
  if (expiry > latest) {
    await client.reject('TIME_WINDOW_UNACCEPTABLE');
    return refuse('expiry-too-far', { expiry, most: latest });
  }
  if (minCapacity > capacity) {
    await client.reject('CHANNEL_VALUE_TOO_LARGE', minCapacity);
    return refuse('deposit-too-small', { deposits: capacity, least: minCapacity });
  }
  if (minPayment <= most) return undefined;
  await client.reject('MIN_PAYMENT_TOO_LARGE', most);
  return refuse('fee-too-high', { minPayment, most });
}

/** The proposal as an offer. The payer's signatures do not cover the payee's output, so its script does not matter. */
function offerOf({ contract, payeeKey, minCapacity, expiry }: Proposal, capacity: Amount, { coin }: Chain): Offer {
  return {
    kind: 'offer',
    ...{ coin, contract, payeeKey, payeeScript: p2pkh(payeeKey) },
    signing: { kind: 'flexible', slot: 0 },
    closingMargin: CLOSING_MARGIN,
    minDeposit: minCapacity,
    maxDeposit: capacity,
    minExpiry: expiry,
    maxExpiry: expiry,
    depth: [{ upTo: MAX_AMOUNT, blocks: 0 }],
    nonce: new Uint8Array(16),
  };
}

function channelOver(
  client: BitcoinjClient,
  { channel, keyName }: PayerState,
  isResumed: boolean,
  options: BitcoinjPayerOptions,
): BitcoinjChannel {
  const { agent, chain, keys } = options;
  const state = (): Promise<PayerState | undefined> => agent.engine.get(channel);
  const over = client.over.then(async (farewell) => settledBy(farewell, await state(), chain));
  return {
    kind: 'channel',
    channel,
    isResumed,
    over,
    pay: async (value, info) => {
      // If it were stored with the payment, it could never be sent.
      if (info !== undefined && info.length > MOST_INFO) return refuse('message-too-large', { most: MOST_INFO });
      const earlier = await state();
      const before = earlier?.best?.total ?? ZERO;
      const pending = earlier?.kind === 'open' ? earlier.pending : undefined;
      const acks: (Uint8Array | undefined)[] = [];
      const connection = client.connection(state, (ack) => void acks.push(ack));
      const paid = await agent.pay(channel, { amount: value, ...(info && { info }) }, connection);
      if (isRefusal(paid)) return paid;
      const total = paid.state.best?.total ?? ZERO;
      const resent = acks.length > 1 && pending !== undefined ? { resent: subtract(pending.payment.total, before) } : undefined;
      const answered = acks.at(-1);
      const sum = subtract(total, add(before, resent?.resent ?? ZERO));
      return { kind: 'acknowledged', state: paid.state, paid: sum, ...resent, ...(answered && { info: answered }) };
    },
    settle: async () => {
      await client.settle(keys.signer(keyName));
      return over;
    },
    hangUp: () => client.hangUp(),
  };
}

/**
 * The settlement that a server sent, if it is valid. The payer broadcasts it too; if its own node refuses it, it does not count. If it is mined
 * anyway, it is found in the chain.
 */
async function settledBy({ settlement }: Farewell, state: PayerState | undefined, chain: Chain): Promise<Transaction | undefined> {
  const transaction = settlement && decodeTransaction(settlement);
  if (transaction === undefined || state === undefined || !isSettlement(state, transaction, verifyPortable)) return undefined;
  const answer = await chain.broadcast(transaction).catch(() => undefined);
  return answer !== undefined && isTaken(answer) ? transaction : undefined;
}
