import type { Command } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import type { LockTime } from '../../core/base/height.ts';
import type { Contract } from '../../core/contract/contract.ts';
import type { Offer } from '../../core/message/message.ts';
import { addressOf } from '../../core/tx/address.ts';
import { type Connection, WorldError } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';
import { merchantAt } from '../payer/connect-merchant.ts';
import { command, run } from '../run-command.ts';
import { granted } from '../terminal/print.ts';
import { describeExpiry } from '../terminal/time-left.ts';

export function offerCommand(): Command {
  return command('offer', 'Ask a merchant for its terms', ['pawment offer http://127.0.0.1:8402'])
    .argument('<url>', "the merchant's address")
    .action((url: string, flags: CommonFlags) =>
      run(flags, async ({ print }) => {
        const offer = await requestOffer(merchantAt(url, print.note));
        print.result(offerFacts(offer), offerLines(offer));
      }),
    );
}

/** Seed steps 1 and 2. @throws Refused, and WorldError `peer-nonsense` for any answer that is no offer. */
export async function requestOffer(payee: Connection): Promise<Offer> {
  const reply = granted(await payee.exchange({ kind: 'offer-request' }));
  if (reply.kind !== 'offer')
    throw new WorldError('peer-nonsense', `The answer is not an offer but ${reply.kind}.`, "Check the merchant's address.");
  return reply;
}

function offerFacts(offer: Offer): object {
  const { coin, contract, signing, closingMargin, minDeposit, maxDeposit, minExpiry, maxExpiry, depth, unconfirmed, payeeKey } = offer;
  const common = { coin: coin.id, contract: contract.id, signing, closingMargin, minDeposit, maxDeposit, minExpiry, maxExpiry, depth };
  return {
    ...common,
    ...(unconfirmed === undefined ? {} : { unconfirmed }),
    ...(offer.payoutDelay === undefined ? {} : { payoutDelay: offer.payoutDelay }),
    ...(offer.refundAge === undefined ? {} : { refundAge: offer.refundAge }),
    payeeKey: bytesToHex(payeeKey),
    payTo: addressOf(coin, offer.payeeScript),
  };
}

const SIGNED_REFUND =
  'refund      signed by the merchant before the deposit is broadcast; not valid if the id of the deposit changes on the way, until the merchant signs again';

function span(from: LockTime, to: LockTime): string {
  return from === to ? describeExpiry(from) : `${describeExpiry(from)} to ${describeExpiry(to)}`;
}

function margin({ expiresBy }: Contract, closingMargin: number): string {
  return expiresBy === 'time' ? `${(closingMargin / 3600).toFixed(1)} hours` : `${closingMargin} blocks`;
}

/** Where the payout waits from the block of the close, a revoked close can come at any time. */
function watchFor({ expiryIn }: Contract, payoutDelay: number): string {
  return expiryIn === 'age'
    ? `at least every ${Math.floor(payoutDelay / 2)} blocks while the channel lasts`
    : `for ${payoutDelay} blocks after the expiry`;
}

function offerLines({
  coin,
  contract,
  signing,
  closingMargin,
  minDeposit,
  maxDeposit,
  minExpiry,
  maxExpiry,
  depth,
  unconfirmed,
  payeeKey,
  payoutDelay,
}: Offer): readonly string[] {
  const fee =
    signing.kind === 'fixed'
      ? `fixed fee of ${formatAmount(signing.fee)} ${coin.ticker}, paid by the payer`
      : 'the merchant pays the closing fee';
  return [
    `${coin.name} (${coin.id}), contract ${contract.id}: ${fee}`,
    `deposit     ${formatAmount(minDeposit)} to ${formatAmount(maxDeposit)} ${coin.ticker}`,
    `expiry      ${span(minExpiry, maxExpiry)}; closing begins ${margin(contract, closingMargin)} before`,
    ...(contract.expiryIn === 'releases' ? [SIGNED_REFUND] : []),
    ...(payoutDelay === undefined ? [] : [`give-back   payments can be taken back; watch the chain ${watchFor(contract, payoutDelay)}`]),
    `depth       ${depth.map(({ upTo, blocks }) => `${blocks} blocks up to ${formatAmount(upTo)} ${coin.ticker}`).join(', ')}`,
    ...(unconfirmed === undefined ? [] : [`before that ${formatAmount(unconfirmed)} ${coin.ticker} can be spent`]),
    `payee key   ${bytesToHex(payeeKey)}`,
  ];
}
