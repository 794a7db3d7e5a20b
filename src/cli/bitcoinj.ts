import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Logger } from 'pino';
import { amount, formatAmount } from '../core/base/amount.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { Coin } from '../core/coin/coin.ts';
import type { Book } from '../engine/engine.ts';
import { BitcoinjBook, type BitcoinjOptions, bitcoinjPayee } from '../merchant/bitcoinj.ts';
import type { PriceList } from '../merchant/invoice.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { MerchantTerms } from '../merchant/terms.ts';
import { Attachments } from '../transport/bitcoinj/attachments.ts';
import type { BitcoinjShop, Increment } from '../transport/bitcoinj/payee.ts';
import { serveBitcoinj } from '../transport/bitcoinj/session.ts';
import type { Quotas } from '../transport/quota.ts';
import { serveTcp, type TcpServer } from '../transport/tcp/serve.ts';
import type { HostPort } from './host-port.ts';

/** What bitcoinj's payers agree to as the first payment unless they are told otherwise. */
const MIN_PAYMENT = amount(1_000n);
/** Two hours, as bitcoinj's own servers, and ten minutes for the close to be mined. */
const CLOSING_MARGIN = 7_800;
/** Four hours to seven days, as bitcoinj's own servers. */
const WINDOW = { least: 14_400, most: 604_800 };

interface DoorOptions extends Pick<BitcoinjOptions, 'chain' | 'keys' | 'random' | 'clock' | 'verify' | 'payeeScript'> {
  readonly listen: HostPort;
  readonly terms: MerchantTerms;
  readonly prices: PriceList;
  readonly quotas: Quotas;
  readonly log: Logger;
}

/** Where payers of bitcoinj come in. */
export interface BitcoinjDoor {
  /** To be kept by the merchant's engine. */
  readonly books: readonly Book<PayeeState>[];
  readonly open: (merchant: Merchant) => Promise<TcpServer>;
}

export function bitcoinjDoor({ listen, terms, prices, quotas, log, ...parts }: DoorOptions): BitcoinjDoor {
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
        onError: (error, where) => log.error({ error: String(error), where }, 'bitcoinj'),
      });
    },
  };
}

/** Sells by what goes with a payment: the name of an item gets its text back once the payment covers its price. */
function counter({ ticker }: Coin, prices: PriceList, log: Logger): BitcoinjShop {
  const answerTo = ({ by, info }: Increment): string => {
    const item = prices.get(new TextDecoder().decode(info));
    if (item === undefined) return `got ${formatAmount(by)} ${ticker}`;
    return by < item.price ? `${item.text}; got ${formatAmount(by)} ${ticker} only` : item.text;
  };
  return {
    opened: (channel) => log.info({ channel }, 'bitcoinj channel open'),
    paid: async (increment) => {
      const { channel, by, total } = increment;
      const answer = answerTo(increment);
      log.info({ channel, by: String(by), total: String(total), answer }, 'bitcoinj payment');
      return utf8ToBytes(answer);
    },
  };
}
