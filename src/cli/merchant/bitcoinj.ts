import { utf8ToBytes } from '@noble/hashes/utils.js';
import { amount, formatAmount } from '../../core/base/amount.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Book } from '../../engine/engine.ts';
import { BitcoinjBook, type BitcoinjOptions, bitcoinjPayee } from '../../merchant/bitcoinj.ts';
import type { PriceList } from '../../merchant/invoice.ts';
import type { Merchant } from '../../merchant/merchant.ts';
import type { MerchantTerms } from '../../merchant/terms.ts';
import type { BitcoinjShop } from '../../transport/bitcoinj/payee.ts';
import { serveBitcoinj } from '../../transport/bitcoinj/server.ts';
import { Attachments } from '../../transport/bitcoinj/session-registry.ts';
import type { Quotas } from '../../transport/rate-limit.ts';
import { serveTcp, type TcpServer } from '../../transport/tcp/serve.ts';
import type { HostPort } from '../flag/host-port.ts';
import type { Log } from '../log/log.ts';
import { tellSale } from './sale-log.ts';

/** The first payment that bitcoinj's payers accept unless configured otherwise. */
const MIN_PAYMENT = amount(1_000n);
/** Two hours, as in bitcoinj's own servers, and ten minutes for the close to be mined. */
const CLOSING_MARGIN = 7_800;
/** Four hours to seven days, as in bitcoinj's own servers. */
const WINDOW = { least: 14_400, most: 604_800 };

interface DoorOptions extends Pick<BitcoinjOptions, 'chain' | 'keys' | 'random' | 'clock' | 'verify' | 'payeeScript'> {
  readonly listen: HostPort;
  readonly terms: MerchantTerms;
  readonly prices: PriceList;
  readonly quotas: Quotas;
  readonly log: Log;
}

/** The server for payers of bitcoinj. */
export interface BitcoinjListener {
  /** The merchant's engine has to keep these up to date. */
  readonly books: readonly Book<PayeeState>[];
  readonly open: (merchant: Merchant) => Promise<TcpServer>;
}

export function openBitcoinjListener({ listen, terms, prices, quotas, log, ...parts }: DoorOptions): BitcoinjListener {
  const book = new BitcoinjBook();
  const { minDeposit, maxDeposit, depth, unconfirmed } = terms;
  const offered = { minDeposit, maxDeposit, depth, ...(unconfirmed === undefined ? {} : { unconfirmed }) };
  const own = { ...offered, minPayment: MIN_PAYMENT, closingMargin: CLOSING_MARGIN, window: WINDOW };
  return {
    books: [book],
    open: (merchant) => {
      const payee = bitcoinjPayee({ ...parts, merchant, book, terms: own, shop: counter(parts.chain.coin, prices, log) });
      const attachments = new Attachments();
      return serveTcp((line, keep) => serveBitcoinj(line, payee, attachments, { quotas, keep }), {
        ...listen,
        onError: (error, where) => log.failed(`bitcoinj ${where}`, error),
      });
    },
  };
}

/** Sells by the data sent with a payment: an item's name gets its text back once the payment covers its price. */
function counter(coin: Coin, prices: PriceList, log: Log): BitcoinjShop {
  return {
    opened: (channel) => log.info({ via: 'bitcoinj', channel }, 'connected'),
    paid: async ({ channel, by, total, info }) => {
      const name = new TextDecoder().decode(info);
      const item = prices.get(name);
      const got = `got ${formatAmount(by)} ${coin.ticker}`;
      const isSold = item !== undefined && by >= item.price;
      tellSale(log, coin, { via: 'bitcoinj', channel, by, total, ...(isSold && { item: name }) });
      if (item === undefined) return utf8ToBytes(got);
      return utf8ToBytes(isSold ? item.text : `${item.text}; ${got} only`);
    },
  };
}
