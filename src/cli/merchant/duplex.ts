import { type Amount, formatAmount } from '../../core/base/amount.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { LendingTerms } from '../../duplex/lending.ts';
import { duplexMerchant } from '../../duplex/merchant.ts';
import { OPPOSITE } from '../../duplex/pair-record.ts';
import type { Job } from '../../engine/jobs.ts';
import type { SeedRing } from '../../engine/ports.ts';
import type { Merchant, MerchantOptions } from '../../merchant/merchant.ts';
import { openAgent } from '../../payer/agent.ts';
import { storePart } from '../../store/part.ts';
import type { SeedContents } from '../../wallet/seed-file.ts';
import { openWallet } from '../../wallet/wallet.ts';
import type { Log } from '../log/log.ts';
import type { Printer } from '../terminal/print.ts';

export interface PayingParts extends Pick<MerchantOptions, 'chain' | 'store' | 'verify' | 'clock' | 'random'> {
  readonly keys: SeedRing;
  readonly seed: SeedContents;
  readonly log: Log;
  readonly print: Pick<Printer, 'note'>;
}

/** The merchant, and what has to be done regularly for it. */
export interface Selling {
  readonly merchant: Merchant;
  readonly jobs: readonly Job[];
}

const LOOK = 1_000;
const OVERDUE = 120_000;

/** The merchant with a wallet of its own, out of which it gives back where payments are for good; as it is without terms for that. */
export async function withDuplex(merchant: Merchant, terms: LendingTerms | undefined, parts: PayingParts): Promise<Selling> {
  if (terms === undefined) return { merchant, jobs: [] };
  const { chain, keys, store, seed, log, print } = parts;
  const own = storePart(store, OPPOSITE);
  const wallet = await openWallet({ chain, keys, store: own, birthday: seed.birthday });
  await wallet.sync();
  const agent = openAgent({ ...agentParts(parts), store: own, wallet, raised: async () => false });
  const duplex = duplexMerchant({
    ...parts,
    store,
    merchant,
    agent,
    wallet,
    terms,
    onRefused: (channel, { code, detail }) => log.noted(channel, { channel, refusal: code, facts: detail }, 'give back'),
  });
  const { confirmed } = await wallet.balance();
  print.note(noteOf(chain.coin, terms, confirmed, await wallet.receiveAddress()));
  return { merchant: duplex, jobs: [{ name: 'give back', interval: LOOK, overdue: OVERDUE, run: duplex.tend }] };
}

/** What the merchant has for itself as a payer too. Its books, its payout key and its limits are of what it sells. */
export function agentParts({
  chain,
  keys,
  verify,
  clock,
  random,
}: PayingParts): Pick<PayingParts, 'chain' | 'keys' | 'verify' | 'clock' | 'random'> {
  return { chain, keys, verify, clock, random };
}

function noteOf({ ticker }: Coin, { all }: LendingTerms, confirmed: Amount, address: string): string {
  const has = `its wallet has ${formatAmount(confirmed)} ${ticker}`;
  return `Gives back by channels the other way, with at most ${formatAmount(all)} ${ticker}; ${has}. To add coins, send them to ${address}.`;
}
