import { type Amount, formatAmount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Merchant } from '../../merchant/merchant.ts';
import type { Log } from '../log/log.ts';

/** What a payment added, once it is stored. */
export interface Sale {
  readonly via: 'http' | 'bitcoinj';
  readonly channel: ChannelId;
  readonly by: Amount;
  readonly total: Amount;
  /** What it bought; absent for a payment without an item. */
  readonly item?: string;
  readonly invoice?: string;
}

/** The same form for every transport. Amounts are in whole coins. */
export function tellSale(log: Log, { ticker }: Coin, { via, channel, item, invoice, by, total }: Sale): void {
  log.info(
    { via, channel, item, invoice, by: formatAmount(by), total: formatAmount(total), coin: ticker },
    item === undefined ? 'paid' : 'sold',
  );
}

/** The same merchant, with its payments over HTTP logged. bitcoinj's payers name what they buy to the shop behind that server. */
export function tellingSales(merchant: Merchant, coin: Coin, log: Log): Merchant {
  const told = async (sale: Omit<Sale, 'item'>): Promise<void> => {
    const { invoice } = sale;
    const kept = invoice === undefined ? undefined : await merchant.invoices.find(invoice).catch(() => undefined);
    tellSale(log, coin, kept === undefined ? sale : { ...sale, item: kept.invoice.item });
  };
  return {
    ...merchant,
    pay: async (pay) => {
      const taken = await merchant.pay(pay);
      if (isRefusal(taken) || taken.added === 0n) return taken;
      const { total, invoice } = taken.receipt;
      // Nobody waits for the log.
      void told({ via: 'http', channel: pay.channel, by: taken.added, total, ...(invoice !== undefined && { invoice }) });
      return taken;
    },
  };
}
