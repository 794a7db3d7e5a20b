import { type Amount, amount, formatAmount } from '../../core/base/amount.ts';
import { bytesToHex, type ChannelId, equalBytes } from '../../core/base/bytes.ts';
import { after } from '../../core/base/height.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import { allDeposits, type PayerState } from '../../core/channel/payer-state.ts';
import { capacityOf, payerScript } from '../../core/contract/contract.ts';
import type { Offer } from '../../core/message/message.ts';
import { announcePsbt, paymentPsbt } from '../../core/message/psbt-payment.ts';
import { addressOf, scriptOf } from '../../core/tx/address.ts';
import { p2sh } from '../../core/tx/script.ts';
import { decodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { fundingOf } from '../../payer/wire-format.ts';
import { describePsbt, describeScript, describeTransaction } from '../terminal/describe.ts';
import { type OnChain, onChain } from './ledger.ts';
import type { Narrator } from './narrator.ts';
import { PRICE, type Stage } from './stage.ts';

const DOGE = 100_000_000n;
const DEPOSIT = amount(100n * DOGE);
/** Items of which every step is shown; for the others a bar is shown. */
const TOLD_ITEMS = 2;

export interface StoryOptions {
  readonly payments: number;
  readonly explain: boolean;
}

export interface Opened {
  readonly channel: ChannelId;
  /** The funding transaction, once it is mined. */
  readonly funding: () => OnChain;
}

/** The value of a step, which must not be refused. */
export function must<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`${value.code}: ${value.message} ${JSON.stringify(value.detail)}`);
  return value;
}

const doge = (value: bigint): string => `${formatAmount(amount(value))} DOGE`;

/** Seed steps 1 to 4, A to D. */
export async function openChapter(stage: Stage, narrator: Narrator, { explain }: StoryOptions): Promise<Opened> {
  const { regtest, agent, wallet, payee } = stage;
  const { coin } = regtest;
  regtest.fund(await wallet.receiveAddress(), amount(DEPOSIT + DOGE));
  await stage.mine(1);

  narrator.step('1', `Payer: request a channel  GET ${stage.merchantUrl}/v1/offer`);
  const offer = await requestOffer(stage);
  narrator.step('2', 'Merchant: a public key never used before, and terms');
  narrator.fact('payee key', bytesToHex(offer.payeeKey));
  narrator.fact('expiry', `block ${offer.minExpiry} to ${offer.maxExpiry}, closing begins ${offer.closingMargin} blocks before`);
  narrator.fact('deposit', `${doge(offer.minDeposit)} to ${doge(offer.maxDeposit)}`);

  const returnScript = scriptOf(coin, await wallet.receiveAddress()) ?? new Uint8Array();
  const planned = must(await agent.plan(offer, after(offer.minExpiry, 60), returnScript));
  const { terms, channel } = planned;
  const redeemScript = terms.contract.redeemScript(terms);
  narrator.step('A', 'Payer: the channel address, CLTV back to the payer or 2-of-2');
  narrator.fact('address', addressOf(coin, p2sh(redeemScript)) ?? '');
  narrator.fact('script', `${redeemScript.length} bytes, expiry at block ${terms.expiry}`);
  narrator.fact('channel', channel);
  if (explain) narrator.fact('script', describeScript(redeemScript));

  const { state, reply } = must(await agent.fund(channel, DEPOSIT, payee));
  const funding = fundingTransaction(state);
  narrator.step('B', `Payer: ${doge(DEPOSIT)} into the channel, signed and stored; broadcast once the merchant agrees to the terms`);
  narrator.fact('funding', transactionId(funding));
  tellAnnounce(narrator, state, explain);
  narrator.step('4', `Merchant: ${reply.kind === 'provisional' ? `the terms are good. ${reply.waitingFor.message}` : reply.kind}`);
  narrator.line('      … the payer broadcasts the deposit; blocks are mined');
  await stage.mine(3);
  const accepted = must(await agent.announce(channel, payee));
  narrator.step('D', 'Merchant: script rebuilt and compared, deposit found by its own node, channel stored');
  narrator.step('4', `Merchant: ${accepted.reply.kind}`);
  narrator.line('      ******** CHANNEL ESTABLISHED ********');
  return { channel, funding: () => onChain(regtest, 'funding', funding) };
}

async function requestOffer({ payee }: Stage): Promise<Offer> {
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') throw new Error(`asked for an offer, got ${offer.kind}`);
  return offer;
}

function tellAnnounce(narrator: Narrator, state: PayerState, explain: boolean): void {
  const psbt = announcePsbt(state.terms, allDeposits(state), fundingOf(state));
  narrator.step('C', `Payer: a PSBT with inputs, redeem script and the whole funding transaction, stored: ${psbt.length} bytes`);
  if (explain) for (const line of describePsbt(state.terms.coin, psbt)) narrator.line(line);
  narrator.step('3', 'Payer: announce the PSBT');
}

function fundingTransaction(state: PayerState): Transaction {
  const transaction = decodeTransaction(state.funding[0] ?? new Uint8Array());
  if (transaction === undefined) throw new Error('a funded channel has its funding transaction');
  return transaction;
}

/** Seed steps 5, E, F, 6 and G, as often as asked. Returns what was paid. */
export async function payChapter(
  stage: Stage,
  narrator: Narrator,
  channel: ChannelId,
  { payments, explain }: StoryOptions,
): Promise<Amount> {
  // With --explain, every payment is shown.
  const told = explain ? payments : Math.min(TOLD_ITEMS, payments);
  for (let item = 1; item <= told; item++) await tellItem(stage, narrator, channel, item, explain);
  const work = narrator.work('      payments');
  for (let item = told + 1; item <= payments; item++) {
    await buy(stage, channel);
    work.at(item, payments);
  }
  work.done();
  const state = await stage.agent.engine.get(channel);
  if (state?.best === undefined) throw new Error('nothing was paid');
  narrator.line(`      ******** ${payments} ORDERS DONE, ${doge(state.best.total)} paid ********`);
  return state.best.total;
}

async function buy({ agent, payee }: Stage, channel: ChannelId): Promise<void> {
  must(await agent.buy(channel, 'item', async () => PRICE, payee));
}

async function tellItem({ agent, payee }: Stage, narrator: Narrator, channel: ChannelId, item: number, explain: boolean): Promise<void> {
  narrator.line(`      Order item ${item}`);
  const invoice = must(await agent.invoice(channel, 'item', payee));
  narrator.step('5', `Merchant: invoice ${invoice.id} over ${doge(invoice.amount)} to ${invoice.address}`);
  const { state, reply } = must(await agent.pay(channel, { ...invoice, most: PRICE }, payee));
  if (state.best === undefined || reply.kind !== 'receipt') throw new Error(`paid, and got ${reply.kind}`);
  const { total } = state.best;
  const psbt = paymentPsbt(state.terms, state.deposits, state.best, fundingOf(state));
  narrator.step('E', `Payer: outputs for ${doge(total)} to the merchant and ${doge(capacityOf(state.deposits) - total)} back`);
  narrator.step('F', 'Payer: signed and stored');
  narrator.step('6', `Payer: send the PSBT, ${psbt.length} bytes`);
  if (explain) for (const line of describePsbt(state.terms.coin, psbt)) narrator.line(line);
  narrator.step('G', `Merchant: rebuilt, signature verified, stored; receipt over a total of ${doge(reply.total)}`);
  narrator.line(`      ******** ORDER ${item} DONE ********`);
}

export interface Ended {
  readonly transaction: OnChain;
  readonly returned: Amount;
}

/** Seed step H: the best payment, signed by both, on chain. */
export async function closeChapter(stage: Stage, narrator: Narrator, { channel }: Opened, { explain }: StoryOptions): Promise<Ended> {
  const closed = must(await stage.merchant.close(channel));
  const [sent] = closed.broadcasts;
  if (sent === undefined) throw new Error('a close is broadcast');
  narrator.step('H', `Merchant: sign and broadcast the best payment: ${transactionId(sent.transaction)}`);
  if (explain) for (const line of describeTransaction(stage.regtest.coin, sent.transaction)) narrator.line(line);
  return bury(stage, narrator, channel, 'close', sent.transaction);
}

/** The merchant is gone. Before the expiry nothing can be done without it; after that nothing can be done against the payer. */
export async function refundChapter(stage: Stage, narrator: Narrator, { channel }: Opened, { explain }: StoryOptions): Promise<Ended> {
  const { agent, regtest } = stage;
  await stage.vanish();
  narrator.line('      the merchant is gone: no server, no close');
  const before = await agent.engine.get(channel);
  if (before === undefined) throw new Error('the channel is stored');
  await stage.mine(before.terms.expiry - regtest.tip.height - 1);
  narrator.line(
    `      block ${regtest.tip.height}, one before the expiry: the channel is still ${(await agent.engine.get(channel))?.kind}`,
  );
  await stage.mine(1);
  const state = await agent.engine.get(channel);
  if (state?.kind !== 'refunding') throw new Error(`at the expiry the channel is ${state?.kind}, not refunding`);
  narrator.line(`      block ${regtest.tip.height}, the expiry: the payer broadcasts its refund ${transactionId(state.transaction)}`);
  if (explain) for (const line of describeTransaction(regtest.coin, state.transaction)) narrator.line(line);
  return bury(stage, narrator, channel, 'refund', state.transaction);
}

async function bury(
  stage: Stage,
  narrator: Narrator,
  channel: ChannelId,
  role: 'close' | 'refund',
  transaction: Transaction,
): Promise<Ended> {
  const { regtest, agent } = stage;
  await stage.mine(regtest.coin.channel.buried);
  const state = await agent.engine.get(channel);
  if (state?.kind !== 'ended') throw new Error(`a buried ${role} ends the channel, but it is ${state?.kind}`);
  const back = [payerScript(state.terms), state.returnScript];
  const paysBack = transaction.outputs.some(({ script }) => back.some((own) => equalBytes(own, script)));
  if (!paysBack) throw new Error('the payer gets its remainder back');
  narrator.line(`      buried ${regtest.coin.channel.buried} blocks deep: ${doge(state.returned)} are back with the payer`);
  narrator.line('      ******** CHANNEL CLOSED ********');
  return { transaction: onChain(regtest, role, transaction), returned: state.returned };
}
