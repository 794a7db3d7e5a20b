import { ZERO } from '../core/base/amount.ts';
import { bytesToHex } from '../core/base/bytes.ts';
import { allDeposits, type PayerState, unsentOf } from '../core/channel/payer-state.ts';
import type { Request } from '../core/message/message.ts';
import type { FundingTransactions } from '../core/message/psbt-codec.ts';
import { announcePsbt, endPsbt, paymentPsbt } from '../core/message/psbt-payment.ts';
import { decodeTransaction, transactionId } from '../core/tx/transaction.ts';

/** The form of messages with signatures. Both say the same. */
export type WireFormat = 'compact' | 'psbt';

/**
 * The same request as a PSBT; undefined for those that have none, which then go in the compact form: so does a payment that gives all back, of which
 * there is no transaction, and all of a channel that holds an asset, whose amounts no output says. Undefined also where it would show what only this side may have mined.
 */
export function psbtOf(state: PayerState, request: Request): Uint8Array | undefined {
  const { terms, deposits } = state;
  if (!isLaunchable(state) || terms.asset !== undefined) return undefined;
  switch (request.kind) {
    case 'announce':
      return announcePsbt(terms, request.deposits, fundingOf(state));
    case 'payment':
      if (request.payment.total === ZERO) return undefined;
      // The compact form leaves out signatures that the payee has; a PSBT is complete.
      return paymentPsbt(
        terms,
        deposits,
        (state.kind === 'open' ? state.pending?.payment : undefined) ?? request.payment,
        fundingOf(state),
      );
    case 'end':
      return endPsbt(terms, deposits, request, fundingOf(state));
    case 'offer-request':
    case 'invoice-request':
    case 'state-request':
    case 'sync':
    case 'join':
    case 'quote-request':
    case 'forward':
      return undefined;
  }
}

/** A PSBT includes the complete funding transactions, and anyone who has them can get them mined: so not before every deposit has its refund. */
function isLaunchable(state: PayerState): boolean {
  const isReleased = allDeposits(state).every(({ release }) => release !== undefined);
  return state.kind !== 'planned' && unsentOf(state).size === 0 && (state.terms.contract.expiryIn !== 'releases' || isReleased);
}

/** The funding transactions of a channel in the form for a PSBT. */
export function fundingOf({ funding }: PayerState): FundingTransactions {
  return new Map(
    funding.map((bytes) => {
      const transaction = decodeTransaction(bytes);
      if (transaction === undefined) throw new Error(`a stored funding transaction can't be read: ${bytesToHex(bytes)}`);
      return [transactionId(transaction), bytes];
    }),
  );
}
