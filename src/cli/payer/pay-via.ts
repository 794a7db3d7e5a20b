import { type Amount, amount, formatAmount, ZERO } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import { isRefusal, isRefusalCode, type Refusal, refuse } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import { lockUnder } from '../../core/contract/pending.ts';
import type { Agent } from '../../payer/agent.ts';
import { hubService } from '../../payer/hub-service.ts';
import { lockVia, lookVia, type ViaOutcome, type Way } from '../../payer/pay-via.ts';
import type { PendingVia } from '../../payer/via-book.ts';
import type { Shell } from '../run-command.ts';
import { type OpenPayer, openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { Refused } from '../terminal/print.ts';
import { promptYes } from '../terminal/prompt.ts';
import { until } from '../wait.ts';
import { merchantAt } from './connect-merchant.ts';
import { consent } from './price-consent.ts';

export interface ViaFlags {
  readonly payee: string;
  readonly item: string;
  readonly hub: string;
  readonly times: number;
}

interface Bought {
  readonly purchase: PendingVia;
  readonly preimage: Uint8Array;
}

/** Milliseconds between two looks at what is pending. */
const LOOK = 1_000;

/** Buys from a merchant through a hub. What an earlier command left pending is gone on with first; the same purchase is not made twice. */
export async function payVia(shell: Shell, flags: ViaFlags, max: Amount | undefined): Promise<void> {
  const { print, config } = shell;
  const payer = await openPayer(config, { print, raised: async () => false });
  try {
    const { channel } = await payer.channel(flags.hub);
    const connection = await payer.payeeOf(channel);
    const way: Way = { channel, connection, hub: hubService(payer.agent, connection) };
    stopping(shell, payer, way);
    const isMeant = ({ payee, item }: PendingVia): boolean => payee === plain(flags.payee) && item === flags.item;
    const bought = (await goOn(shell, payer, way, isMeant)).filter(({ purchase }) => isMeant(purchase));
    while (bought.length < flags.times) bought.push(await buy(shell, payer, way, flags, max));
    tell(shell, await payer.channel(channel), bought.slice(0, flags.times));
  } finally {
    await payer.close();
  }
}

type Buyer = Pick<OpenPayer, 'vias'> & { readonly agent: Agent };

export interface Telling {
  readonly print: Pick<Shell['print'], 'note'>;
  readonly config: Pick<Shell['config'], 'coin'>;
}

/**
 * Pays, or takes out, what was pending through the hub of a channel. A payee that does not answer can keep it pending as long as the channel lasts, so
 * only those that are meant are waited for; at the others it looks once. @returns what is paid.
 */
export async function goOn(
  { print, config }: Telling,
  payer: Buyer,
  way: Way,
  isMeant: (purchase: PendingVia) => boolean = () => false,
): Promise<Bought[]> {
  const bought: Bought[] = [];
  for (const purchase of await payer.vias.all()) {
    if (purchase.incoming !== way.channel) continue;
    const what = `${purchase.item} from ${purchase.payee}, ${formatAmount(purchase.total)} ${config.coin.ticker}`;
    print.note(`${what}, is under way through the hub since an earlier command`);
    // What was signed and got no answer is sent again before the hub is told what to do with it.
    await payer.agent.settle(way.channel, [], way.connection);
    const outcome = isMeant(purchase) ? await decided({ print }, payer, way, purchase) : await lookedAt(payer, way, purchase);
    if (outcome?.kind === 'paid') bought.push({ purchase, preimage: outcome.preimage });
    else print.note(outcome === undefined ? `${what}, is still under way` : `${what}, was given up by the hub: ${outcome.reason}`);
  }
  return bought;
}

async function buy(shell: Shell, payer: OpenPayer, way: Way, flags: ViaFlags, max: Amount | undefined): Promise<Bought> {
  const { item } = flags;
  const payee = { address: plain(flags.payee), connection: merchantAt(flags.payee, shell.print.note) };
  const state = await payer.channel(way.channel);
  let purchase: PendingVia | undefined;
  const locked = await lockVia(payer.agent, way, payee, item, async (price, fee, invoice) => {
    const total = amount(price + fee);
    const refused = await agreed(shell, payer, state, { flags, total, max });
    if (refused !== undefined) return refused;
    const wanted = {
      ...{ incoming: way.channel, hash: invoice.hash, next: invoice.channel, amount: price, invoice: invoice.id },
      ...{ payee: payee.address, item, total },
    };
    const repeated = await payer.vias.add(wanted);
    if (repeated === undefined) purchase = wanted;
    return repeated;
  });
  if (purchase === undefined) throw isRefusal(locked) ? new Refused(locked) : new Error('what is locked was agreed to');
  const outcome = await decided(shell, payer, way, purchase);
  if (outcome.kind === 'paid') return { purchase, preimage: outcome.preimage };
  throw new Refused(isRefusal(locked) ? locked : reasonOf(outcome.reason));
}

interface Bargain {
  readonly flags: ViaFlags;
  /** Price and fee. */
  readonly total: Amount;
  readonly max: Amount | undefined;
}

async function agreed({ print }: Shell, payer: OpenPayer, state: PayerState, { flags, total, max }: Bargain): Promise<Refusal | undefined> {
  const ware = { merchant: plain(flags.payee), item: flags.item };
  const bound = max === undefined ? {} : { max };
  const most = await consent({ prices: payer.prices, print, ask: promptYes(print) }, state, {
    ware,
    price: total,
    times: flags.times,
    ...bound,
  });
  return isRefusal(most) ? most : undefined;
}

type Decided = Exclude<ViaOutcome, { readonly kind: 'pending' }>;

/** Looks until it is paid or given up. */
function decided({ print }: Pick<Telling, 'print'>, payer: Buyer, way: Way, purchase: PendingVia): Promise<Decided> {
  let isTold = false;
  return until<Decided>(async () => {
    const seen = await lookedAt(payer, way, purchase);
    if (seen !== undefined) return seen;
    const lock = lockUnder(purchase.hash, (await payer.agent.engine.get(way.channel))?.best?.locks);
    if (!isTold && lock !== undefined)
      print.note(`${purchase.item} is under way; if the merchant never answers, it is yours again from block ${lock.expiry} on`);
    isTold = true;
    await payer.agent.poll();
    return undefined;
  }, LOOK);
}

/** Takes it off the list once it is paid or given up. */
async function lookedAt(payer: Buyer, way: Way, purchase: PendingVia): Promise<Decided | undefined> {
  const { item: _, payee: __, total: ___, preimage, ...order } = purchase;
  const asked = { hash: purchase.hash, order, ...(preimage && { preimage }) };
  const outcome = await lookVia(payer.agent, way, asked, (shown) => payer.vias.keep(purchase, shown));
  if (outcome.kind === 'pending') return undefined;
  await payer.vias.remove(purchase);
  return outcome;
}

function reasonOf(reason: string): Refusal {
  const refusal = refuse(isRefusalCode(reason) ? reason : 'lock-unknown');
  return { ...refusal, advice: `The hub has given it up, and nothing is paid for it so far. ${refusal.advice}` };
}

function stopping({ stop, config }: Shell, payer: OpenPayer, { channel }: Way): void {
  stop.say(async () => {
    const open = (await payer.vias.all()).filter(({ incoming }) => incoming === channel);
    const sum = amount(open.reduce((all, { total }) => all + total, 0n));
    const money = `${formatAmount(sum)} ${config.coin.ticker}`;
    return {
      message: open.length === 0 ? 'Stopped. Nothing is under way.' : `Stopped. ${money} are under way through the hub.`,
      advice: open.length === 0 ? 'The same command pays again.' : 'The same command goes on with it, and so does pawment refresh <hub>.',
      facts: { channel, underWay: sum },
    };
  });
}

function tell({ print, config }: Shell, state: PayerState, bought: readonly Bought[]): void {
  const { ticker } = config.coin;
  const sum = (of: (purchase: PendingVia) => bigint): Amount => amount(bought.reduce((all, { purchase }) => all + of(purchase), 0n));
  const [price, all] = [sum((one) => one.amount), sum((one) => one.total)];
  const fees = all > price ? amount(all - price) : ZERO;
  const proofs = bought.map(({ purchase, preimage }) => ({ invoice: purchase.invoice, preimage: bytesToHex(preimage) }));
  print.result({ ...channelFacts(state), payments: bought.length, paidNow: all, fees, proofs }, [
    `${bought.length} payments, ${formatAmount(price)} ${ticker} in all, and ${formatAmount(fees)} ${ticker} for the hub`,
    ...proofs.map(({ invoice, preimage }) => `proof of invoice ${invoice}: ${preimage}`),
    channelLine(state),
  ]);
}

/** One merchant has one address, however it is written. */
function plain(url: string): string {
  return (URL.parse(url)?.href ?? url).replace(/\/+$/, '');
}
