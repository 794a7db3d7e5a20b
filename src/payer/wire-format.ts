import { bytesToHex } from '../core/base/bytes.ts';
import { allDeposits, type PayerState, unsentOf } from '../core/channel/payer-state.ts';
import type { Request } from '../core/message/message.ts';
import type { FundingTransactions } from '../core/message/psbt-codec.ts';
import { announcePsbt, endPsbt, paymentPsbt } from '../core/message/psbt-payment.ts';
import { decodeTransaction, transactionId } from '../core/tx/transaction.ts';

/** How messages with signatures go over the wire. Both say the same. */
export type WireFormat = 'compact' | 'psbt';

/** The same request as a PSBT; undefined for those that have none, and where it would show what only this side may have mined. */
export function psbtOf(state: PayerState, request: Request): Uint8Array | undefined {
  const { terms, deposits } = state;
  if (!isLaunchable(state)) return undefined;
  switch (request.kind) {
    case 'announce':
      return announcePsbt(terms, request.deposits, fundingOf(state));
    case 'payment':
      // The compact form leaves out signatures that the payee has; a PSBT stands for itself.
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
      return undefined;
  }
}

/** A PSBT has the funding transactions whole, and whoever has them can have them mined: not before they may be, each deposit with its refund. */
function isLaunchable(state: PayerState): boolean {
  const isReleased = allDeposits(state).every(({ release }) => release !== undefined);
  return state.kind !== 'planned' && unsentOf(state).size === 0 && (state.terms.contract.expiryIn === 'script' || isReleased);
}

/** The funding transactions of a channel as a PSBT shows them. */
export function fundingOf({ funding }: PayerState): FundingTransactions {
  return new Map(
    funding.map((bytes) => {
      const transaction = decodeTransaction(bytes);
      if (transaction === undefined) throw new Error(`a stored funding transaction can't be read: ${bytesToHex(bytes)}`);
      return [transactionId(transaction), bytes];
    }),
  );
}
