import type { Amount } from '../core/base/amount.ts';
import type { ChannelId, TxId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { allDeposits, type PayerState, unsentOf } from '../core/channel/payer-state.ts';
import { coinsFor } from '../core/contract/asset-payments.ts';
import { encodeTransaction } from '../core/tx/transaction.ts';
import type { PayerEngine } from '../engine/engine.ts';
import type { Chain, Connection } from '../engine/ports.ts';
import { channelKeyIndex } from '../wallet/keyring.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { type Exchange, stateOf } from './request.ts';

interface FundContext {
  readonly wallet: Wallet;
  readonly engine: PayerEngine;
  readonly chain: Chain;
  /** Announces what is not broadcast yet. */
  readonly propose: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
}

/** The start of the label of a deposit's transaction; the channel follows. */
const DEPOSIT = 'deposit ';

/** Signs a deposit, stores it, and launches it. Of an asset only its coins: the asset itself comes to the same script by whatever holds it. */
export async function fundChannel(
  { wallet, engine, propose }: Omit<FundContext, 'chain'>,
  channel: ChannelId,
  value: Amount,
  payee: Connection,
): Promise<Exchange | Refusal> {
  const planned = await engine.get(channel);
  if (planned === undefined) return refuse('channel-unknown');
  const { terms } = planned;
  const keyIndex = channelKeyIndex(terms.coin, planned.keyName);
  const coins = coinsFor(terms, value);
  const funding = await wallet.fund([{ script: terms.contract.outputScript(terms), value: coins }], {
    label: DEPOSIT + channel,
    // A note has no room for an asset: what it would bring back is a channel of coins.
    ...(keyIndex === undefined || terms.asset !== undefined ? {} : { note: { keyIndex, terms } }),
  });
  const deposit = { outpoint: { txid: funding.txid, vout: 0 }, value };
  const funded = stateOf(
    await engine.drive(channel, { kind: 'fund', deposits: [deposit], transaction: encodeTransaction(funding.transaction) }),
  );
  if (isRefusal(funded)) {
    await wallet.release(funding.txid);
    return funded;
  }
  return launchDeposits({ wallet, engine, propose }, channel, [funding.txid], payee);
}

/** Announces what is signed and not broadcast yet, and broadcasts it if the payee agrees; otherwise the wallet gets it back. */
export async function launchChannel(
  { wallet, engine, chain, propose }: FundContext,
  channel: ChannelId,
  payee: Connection,
): Promise<Exchange | Refusal> {
  const state = await engine.get(channel);
  if (state === undefined) return refuse('channel-unknown');
  return launchDeposits({ wallet, engine, propose }, channel, await revocable(state, { wallet, chain }), payee);
}

async function launchDeposits(
  { wallet, engine, propose }: Omit<FundContext, 'chain'>,
  channel: ChannelId,
  reserved: readonly TxId[],
  payee: Connection,
): Promise<Exchange | Refusal> {
  const giveUp = async (): Promise<void> => {
    for (const txid of reserved) {
      await engine.drive(channel, { kind: 'withdraw', txid });
      await wallet.release(txid);
    }
  };
  const answer = await propose(channel, payee).catch(async (error: unknown) => {
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
  for (const txid of reserved) await wallet.publish(txid);
  return { ...answer, state: launched };
}

/** Deposits that were never broadcast. If an interrupted launch sent a transaction, the wallet sends it again, and it can't be given up any more. */
async function revocable(state: PayerState, { wallet, chain }: Pick<FundContext, 'wallet' | 'chain'>): Promise<readonly TxId[]> {
  const held = unsentOf(state);
  const waiting = new Set(state.offered.map(({ outpoint }) => outpoint.txid));
  const unsent: TxId[] = [];
  for (const { txid, stage } of await wallet.transactions()) {
    if (!waiting.has(txid) || stage.kind !== 'reserved') continue;
    if ((state.kind === 'funding' && !held.has(txid)) || (await chain.transaction(txid)) !== undefined) await wallet.publish(txid);
    else unsent.push(txid);
  }
  return unsent;
}

const NONE: ReadonlySet<TxId> = new Set();

/**
 * A deposit is first reserved and then noted in its channel; when it is given up, the order is reversed. In between, only the wallet knows of it. A
 * deposit that was not sent before its channel ended is never sent.
 */
export async function releaseOrphans({ wallet, engine }: Pick<FundContext, 'wallet' | 'engine'>): Promise<void> {
  const reserved = (await wallet.transactions()).filter(({ stage, label }) => stage.kind === 'reserved' && label.startsWith(DEPOSIT));
  if (reserved.length === 0) return;
  const known = new Set<TxId>();
  for await (const [, state] of engine.all()) {
    const unsent = state.kind === 'ended' ? unsentOf(state) : NONE;
    for (const { outpoint } of allDeposits(state)) if (!unsent.has(outpoint.txid)) known.add(outpoint.txid);
  }
  for (const { txid } of reserved) if (!known.has(txid)) await wallet.release(txid);
}
