import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { termsOf } from '../core/channel/announce.ts';
import type { PayerInput } from '../core/channel/payer.ts';
import { totalFor } from '../core/channel/payer-pay.ts';
import { notOpen, type PayerState } from '../core/channel/payer-state.ts';
import { channelIdOf } from '../core/contract/contract.ts';
import type { Invoice, Offer, Reply } from '../core/message/message.ts';
import { p2sh } from '../core/tx/script.ts';
import { encodeTransaction } from '../core/tx/transaction.ts';
import type { Driven } from '../engine/drive.ts';
import { type EngineOptions, type PayerEngine, payerEngine } from '../engine/engine.ts';
import { type Connection, type KeyRing, WorldError } from '../engine/ports.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { type Form, psbtOf } from './form.ts';

export interface AgentOptions extends EngineOptions<PayerState> {
  readonly wallet: Wallet;
  /** `compact` unless said. */
  readonly form?: Form;
}

/** What an exchange with the payee led to. */
export interface Exchange {
  readonly state: PayerState;
  readonly reply: Reply;
}

/** The product around a payer: opens, funds, pays, ends and refunds channels, and gets everything back that it did not spend. */
export interface Agent {
  readonly engine: PayerEngine;
  /** Seed steps 1, 2 and A: keys, script and address stand; nothing has left the wallet. */
  readonly plan: (offer: Offer, expiry: Height, returnScript: Uint8Array) => Promise<PayerState | Refusal>;
  /**
   * Seed steps B, C and 3, in an order that risks nothing: the deposit is signed and announced first, and broadcast only when the payee
   * agrees to the terms. Also adds further deposits to an open channel.
   * @throws WorldError `wallet-short`
   */
  readonly fund: (channel: ChannelId, value: Amount, payee: Connection) => Promise<Exchange | Refusal>;
  /** Goes on where `fund` was cut off: announces what is signed and not broadcast yet, and broadcasts it if the payee agrees. */
  readonly launch: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Seed step 4: announces again; accepted once the deposits are deep enough. */
  readonly announce: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Asks what an item costs. */
  readonly invoice: (channel: ChannelId, item: string, payee: Connection) => Promise<Invoice | Refusal>;
  /** Seed steps E, F and 6: signs, stores, sends. An unanswered payment is sent again first. */
  readonly pay: (channel: ChannelId, purchase: Purchase, payee: Connection) => Promise<Exchange | Refusal>;
  /** Asks the payee for its best state and takes over what this payer itself has signed. */
  readonly resync: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Ends at the best total, at once, if the payee agrees. */
  readonly end: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Reads the chain: refunds what has expired, and takes in what was found. */
  readonly poll: () => Promise<void>;
}

/** What is paid for: an invoice, or a bare price for credit. */
export type Purchase = Pick<Invoice, 'amount'> & Partial<Pick<Invoice, 'id'>>;

export function openAgent(options: AgentOptions): Agent {
  const { wallet, form = 'compact', keys } = options;
  const engine = payerEngine({ keyOf: wallet.keyOf, ...options });

  const drive = async (channel: ChannelId, input: PayerInput): Promise<PayerState | Refusal> => stateOf(await engine.drive(channel, input));

  /** Drives an input that makes a request, carries the request, and drives the reply. */
  const exchange = async (
    channel: ChannelId,
    payee: Connection,
    input: Parameters<PayerEngine['drive']>[1],
  ): Promise<Exchange | Refusal> => {
    const driven = await engine.drive(channel, input);
    if (isRefusal(driven)) return driven;
    const { send: request, state: before } = driven;
    if (request === undefined || before === undefined) return refuse('channel-not-open');
    const message = await payee.exchange(request, form === 'psbt' ? psbtOf(before, request) : undefined);
    const state = await drive(channel, { kind: 'reply', to: request.kind, message });
    if (isRefusal(state)) return state;
    return isRefusal(message) ? message : { state, reply: message };
  };

  const announce: Agent['announce'] = (channel, payee) => exchange(channel, payee, { kind: 'announce' });

  return {
    engine,
    plan: async (offer, expiry, returnScript) => {
      const keyName = await wallet.nextChannelKey();
      return drive(idOf(offer, expiry, keys, keyName), { kind: 'create', offer, expiry, keyName, returnScript });
    },
    fund: async (channel, value, payee) => fundChannel({ wallet, engine, announce }, channel, value, payee),
    launch: async (channel, payee) => launchChannel({ wallet, engine, announce }, channel, payee),
    announce,
    invoice: async (channel, item, payee) => {
      const reply = await payee.exchange({ kind: 'invoice-request', channel, item });
      if (isRefusal(reply)) return reply;
      return reply.kind === 'invoice' && reply.channel === channel ? reply : nonsense(reply);
    },
    pay: async (channel, { amount, id }, payee) => {
      const state = await engine.get(channel);
      if (state?.kind === 'open' && state.pending !== undefined) {
        const settled = await exchange(channel, payee, { kind: 'resend' });
        // Refused or not, the payee has answered: nothing is pending any more.
        if (!isRefusal(settled) && state.pending.invoice === id && id !== undefined) return settled;
      }
      return exchange(channel, payee, (now) => {
        if (now === undefined) return refuse('channel-unknown');
        if (now.kind !== 'open') return notOpen(now);
        const total = totalFor(now, amount);
        return isRefusal(total) ? total : { kind: 'pay', total, price: amount, ...(id === undefined ? {} : { invoice: id }) };
      });
    },
    resync: (channel, payee) => exchange(channel, payee, { kind: 'resync' }),
    end: (channel, payee) => exchange(channel, payee, { kind: 'end' }),
    poll: engine.follower.poll,
  };
}

function idOf(offer: Offer, expiry: Height, keys: KeyRing, keyName: string): ChannelId {
  const terms = termsOf({ offer, expiry, payerKey: keys.signer(keyName).publicKey });
  return channelIdOf(offer.coin, offer.contract.redeemScript(terms));
}

interface FundContext {
  readonly wallet: Wallet;
  readonly engine: PayerEngine;
  readonly announce: Agent['announce'];
}

async function fundChannel(
  { wallet, engine, announce }: FundContext,
  channel: ChannelId,
  value: Amount,
  payee: Connection,
): Promise<Exchange | Refusal> {
  const planned = await engine.get(channel);
  if (planned === undefined) return refuse('channel-unknown');
  const { terms } = planned;
  const funding = await wallet.fund([{ script: p2sh(terms.contract.redeemScript(terms)), value }], { label: `deposit ${channel}` });
  const deposit = { outpoint: { txid: funding.txid, vout: 0 }, value };
  const funded = stateOf(
    await engine.drive(channel, { kind: 'fund', deposits: [deposit], transaction: encodeTransaction(funding.transaction) }),
  );
  if (isRefusal(funded)) {
    await wallet.release(funding.txid);
    return funded;
  }
  return launchChannel({ wallet, engine, announce }, channel, payee);
}

async function launchChannel(
  { wallet, engine, announce }: FundContext,
  channel: ChannelId,
  payee: Connection,
): Promise<Exchange | Refusal> {
  const state = await engine.get(channel);
  if (state === undefined) return refuse('channel-unknown');
  const waiting = new Set(state.offered.map(({ outpoint }) => outpoint.txid));
  const reserved = (await wallet.transactions()).filter(({ txid, stage }) => waiting.has(txid) && stage.kind === 'reserved');
  const giveUp = async (): Promise<void> => {
    for (const { txid } of reserved) {
      await engine.drive(channel, { kind: 'withdraw', txid });
      await wallet.release(txid);
    }
  };
  const answer = await announce(channel, payee).catch(async (error: unknown) => {
    await giveUp();
    throw error;
  });
  if (isRefusal(answer)) {
    await giveUp();
    return answer;
  }
  const launched = stateOf(await engine.drive(channel, { kind: 'launch' }));
  if (isRefusal(launched)) {
    await giveUp();
    return launched;
  }
  for (const { txid } of reserved) await wallet.publish(txid);
  return { ...answer, state: launched };
}

function stateOf(driven: Driven<PayerState> | Refusal): PayerState | Refusal {
  if (isRefusal(driven)) return driven;
  if (driven.state === undefined) throw new Error('a payer channel that exists goes on existing');
  return driven.state;
}

function nonsense(reply: Reply): never {
  throw new WorldError('peer-nonsense', `The payee answered with ${reply.kind}.`, 'Check that the address is that of a merchant.');
}
