import { type Amount, add, amount, feeFor, formatAmount } from '../../core/base/amount.ts';
import { closeChapter, openChapter, payChapter, refundChapter, type StoryOptions } from './chapter.ts';
import type { OnChain } from './ledger.ts';
import type { Narrator } from './narrator.ts';
import type { Stage } from './stage.ts';

/** What the demo shows, in koinu and bytes. */
export interface StoryResult {
  readonly payments: number;
  readonly channels: readonly { readonly id: string; readonly transactions: readonly OnChain[] }[];
  readonly paid: Amount;
  /** What came back to the payer: from the close of the first channel, and from the refund of the second. */
  readonly returned: Amount;
  readonly refunded: Amount;
  /** Fees of the two transactions of the first channel. */
  readonly fees: Amount;
  /** What as many single payments on chain would have cost, at the same rate. */
  readonly onChainFees: Amount;
  readonly seconds: number;
}

/** Bytes of a payment made on chain: one P2PKH input, two outputs. */
const SINGLE_PAYMENT_BYTES = 226;

/** Plays both channels from opening to end. @throws Error when anything goes differently. */
export async function tell(stage: Stage, narrator: Narrator, options: StoryOptions): Promise<StoryResult> {
  const started = performance.now();
  narrator.heading('One channel, its whole life');
  const first = await openChapter(stage, narrator, options);
  const paid = await payChapter(stage, narrator, first.channel, options);
  const closed = await closeChapter(stage, narrator, first, options);
  narrator.heading('A second channel, whose merchant vanishes');
  const second = await openChapter(stage, narrator, options);
  await payChapter(stage, narrator, second.channel, { ...options, payments: 3 });
  const refunded = await refundChapter(stage, narrator, second, options);
  const { policy } = stage.regtest.coin;
  return {
    payments: options.payments,
    channels: [
      { id: first.channel, transactions: [first.funding(), closed.transaction] },
      { id: second.channel, transactions: [second.funding(), refunded.transaction] },
    ],
    paid,
    returned: closed.returned,
    refunded: refunded.returned,
    fees: add(first.funding().fee, closed.transaction.fee),
    onChainFees: amount(BigInt(options.payments) * feeFor(SINGLE_PAYMENT_BYTES, policy.feeRate)),
    seconds: Math.round((performance.now() - started) / 10) / 100,
  };
}

/** The table at the end. */
export function printResult(
  narrator: Narrator,
  { payments, channels, paid, returned, refunded, fees, onChainFees, seconds }: StoryResult,
): void {
  narrator.heading('The result');
  const doge = (value: Amount): string => `${formatAmount(value)} DOGE`;
  narrator.fact('payments', `${payments}`);
  narrator.fact('on chain', `${channels[0]?.transactions.length ?? 0} transactions instead of ${payments}`);
  for (const { transactions } of channels) {
    for (const { role, txid, size, fee } of transactions) narrator.fact(role, `${txid}  ${size} bytes  fee ${doge(fee)}`);
  }
  narrator.fact('paid', doge(paid));
  narrator.fact('back to the payer', `${doge(returned)} by the close, ${doge(refunded)} by the refund`);
  narrator.fact('fees', `${doge(fees)} for the channel; ${payments} payments on chain would have cost ${doge(onChainFees)} at least`);
  narrator.fact('time', `${seconds} s, blocks included`);
}
