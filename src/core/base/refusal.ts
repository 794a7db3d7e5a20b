/** What whoever was refused does next. */
export type Remedy = 'correct' | 'top-up' | 'reopen' | 'resync' | 'wait' | 'agree' | 'stop';

const REMEDIES: Readonly<Record<Remedy, string>> = {
  correct: 'Correct the request and send it again.',
  'top-up': 'Add a deposit to the channel, or pay less.',
  reopen: 'Open a new channel.',
  resync: 'Take the best state given here and continue from it.',
  wait: 'Wait and send the same again.',
  agree: 'This is your own limit: raise it to agree, or do not buy.',
  stop: 'Do not send it again.',
};

/** Every reason to say no: what to do about it, and the sentence. The only list of them. */
const REASONS = {
  'coin-mismatch': ['correct', 'This is for another coin or network.'],
  'contract-unknown': ['correct', 'No such contract.'],
  'contract-unfit': ['stop', 'This chain does not enforce a rule that the contract needs.'],
  'offer-unknown': ['reopen', 'The offer was not made here, or was altered.'],
  'offer-outdated': ['reopen', 'The offer no longer holds: it has run out, or the payee’s terms have changed.'],
  'offer-elsewhere': ['reopen', 'The offer was made by another store of the same payee.'],
  'offer-malformed': ['stop', 'The offer has an expiry or a payee script that no channel can have.'],

  'offer-excessive': ['agree', 'The offer asks for more than your own limits allow.'],

  'script-unknown': ['correct', 'The redeem script does not match the contract’s template.'],
  'key-invalid': ['correct', 'A key in the script is not a compressed public key.'],
  'key-foreign': ['correct', 'The script does not hold the payee key of the offer.'],
  'key-repeated': ['stop', 'Payer and payee key are the same.'],
  'expiry-malformed': [
    'correct',
    'The expiry has the wrong kind for the contract (block height or time), or is not written as a minimal number.',
  ],
  'expiry-too-near': ['correct', 'The expiry is nearer than the offer allows.'],
  'expiry-too-far': ['correct', 'The expiry is farther than the offer allows.'],

  'window-too-short': ['stop', 'The closing margin or the payout delay has too few blocks to answer a revoked close.'],

  'window-too-long': ['stop', 'The payout delay has more blocks than a relative lock can have.'],

  'deposit-absent': ['correct', 'The announcement lists no deposit.'],
  'deposit-repeated': ['correct', 'The announcement lists a deposit twice.'],
  'deposit-dropped': ['correct', 'The announcement leaves out a deposit of the channel.'],
  'deposit-too-many': ['correct', 'The channel has the most deposits that are allowed.'],
  'deposit-too-small': ['correct', 'The deposits are smaller than the offer asks for.'],
  'deposit-too-large': ['correct', 'The deposits are larger than the offer allows.'],
  'funding-too-old': ['stop', 'The deposit was mined so early that the payer could take it back before the expiry.'],
  'funding-missing': ['wait', 'The node does not know the deposit yet.'],
  'funding-unconfirmed': ['wait', 'The deposit does not have enough confirmations yet.'],
  'funding-immature': ['wait', 'The deposit comes from a coinbase that can’t be spent yet.'],
  'funding-spent': ['stop', 'The deposit has been spent already.'],
  'funding-script-wrong': ['stop', 'The deposit does not pay to the channel.'],
  'funding-value-wrong': ['correct', 'The deposit is not worth what was announced.'],
  'asset-missing': ['wait', 'The payee’s indexer does not know so much of the asset at the channel’s address yet.'],
  'funding-output-missing': ['correct', 'The funding transaction has no such output.'],
  'funding-reorganised': ['wait', 'The deposit is no longer in the chain.'],

  'exposure-full': ['wait', 'The deposits do not have enough confirmations yet for this amount.'],

  'message-malformed': ['correct', 'The message can’t be read.'],
  'message-too-large': ['correct', 'The message is too large for its kind.'],
  'psbt-malformed': ['correct', 'This is not a complete PSBT.'],
  'psbt-field-unknown': ['correct', 'The PSBT holds fields that are not allowed here.'],
  'psbt-version-wrong': ['correct', 'The transaction version is not the agreed one.'],
  'psbt-locktime-wrong': ['correct', 'The lock time is not the agreed one.'],
  'psbt-sequence-wrong': ['correct', 'An input sequence is not the agreed one.'],
  'psbt-inputs-wrong': ['correct', 'The inputs are not the deposits of the channel.'],
  'psbt-outputs-wrong': ['correct', 'The outputs are not those of any payment of the channel.'],
  'psbt-sighash-wrong': ['correct', 'A hash type is not the agreed one.'],

  'signature-missing': ['correct', 'A signature that the payment needs is missing.'],
  'signature-surplus': ['correct', 'The payment holds more signatures than it needs.'],
  'signature-malformed': ['correct', 'A signature is not strict DER.'],
  'signature-high-s': ['correct', 'A signature has a high s, which nodes do not relay.'],
  'signature-wrong': ['correct', 'A signature is not by the payer key over this payment.'],
  'signature-unbound': ['stop', 'The signature would be valid for any transaction.'],

  'total-lower': ['resync', 'The total is lower than the best one.'],
  'total-not-higher': ['resync', 'The total equals the best one, but its signatures differ.'],
  'total-not-positive': ['correct', 'The total is not above zero.'],
  'total-too-small': ['correct', 'The total would not pay for its own closing transaction.'],
  'total-above-capacity': ['top-up', 'The total is more than the channel holds.'],
  'total-leaves-dust': ['correct', 'The change would be too small for an output: take all, or leave more.'],

  'hash-outdated': ['resync', 'The payment does not name the payee’s present revocation hash.'],
  'payee-set-back': [
    'reopen',
    'The payee has lost its last record of this channel and sells nothing more on it. Close it and open another.',
  ],
  'contract-one-way': ['stop', 'Payments of this contract are final: the payee can give nothing back.'],
  'give-back-too-much': ['correct', 'The payee has less than that to give back.'],
  'give-back-uncovered': ['stop', 'The merchant’s limits, or its wallet, do not cover a channel the other way for that.'],
  'give-back-other': ['resync', 'The payee wants to give back another amount, or nothing.'],
  'secret-wrong': ['stop', 'The payee did not show the secret that revokes the earlier payments.'],

  'lock-too-many': ['wait', 'The payment holds as many pending amounts as one may.'],
  'lock-repeated': ['stop', 'The hash of a pending amount was used before.'],
  'lock-too-near': ['correct', 'The height of a pending amount leaves the payee too little time to claim it.'],
  'lock-too-far': ['agree', 'The height of a pending amount is farther than your own limit: so long it could be held up.'],
  'lock-unknown': ['stop', 'The payee has no use for a pending amount under this hash.'],
  'lock-dropped': ['resync', 'The payment leaves out a pending amount that the payee has not given up.'],
  'lock-pending': ['wait', 'An amount is pending: settle it, or wait until it is given up.'],

  'invoice-unknown': ['correct', 'No such invoice.'],
  'invoice-expired': ['correct', 'The invoice has expired; ask for a new one.'],
  'invoice-foreign': ['correct', 'The invoice belongs to another channel.'],
  'invoice-paid': ['stop', 'The invoice has been paid already.'],
  'invoice-unmet': ['correct', 'The payment adds less than the invoice amount.'],
  'price-too-high': ['agree', 'The price is higher than you agreed to.'],
  'item-unknown': ['correct', 'Nothing of that name is for sale.'],

  'channel-unknown': ['correct', 'No such channel.'],
  'channel-exists': ['stop', 'The channel exists already.'],
  'channel-not-open': ['wait', 'The channel is not open yet.'],
  'channel-ending': ['reopen', 'The channel is being closed.'],
  'channel-ended': ['reopen', 'The channel has ended.'],
  'margin-reached': ['reopen', 'The channel is too near its expiry to take payments.'],
  'payment-unanswered': ['wait', 'An earlier payment is still unanswered; send that one again first.'],
  'refund-unsigned': [
    'stop',
    'The payee has not signed the refund of every deposit; a deposit without that signature could never be refunded.',
  ],
  'refund-too-early': ['wait', 'The refund is not valid before the expiry.'],
  'agreement-short': ['resync', 'The proposed end pays the payee less than its best total.'],
  'agreement-malformed': ['correct', 'Nodes would not relay the proposed end: its fee, an output or the payer’s script is not allowed.'],
  'agreement-slow': ['correct', 'The proposed end pays a lower fee than the payee’s own close would.'],
  'deposit-gone': ['stop', 'A deposit that the payment needs is gone, and the payment is only valid with all of its deposits.'],
  'nothing-to-close': ['stop', 'The channel holds no payment to close with.'],
  'fee-unaffordable': ['stop', 'The available money does not cover the fee of the transaction.'],
  'fee-too-low': ['reopen', 'The agreed fee is too low to get the closing transaction mined.'],
  'fee-too-high': ['stop', 'The fixed fee or the first payment is higher than your own limit.'],
  'too-many': ['wait', 'Too many requests for now.'],
  'proof-wrong': ['correct', 'The request has no valid proof of the channel’s payer key, or its proof is too old.'],
  unauthorised: ['correct', 'This call needs the access token.'],
  'request-unknown': ['correct', 'No such resource or method.'],
} as const;

export type RefusalCode = keyof typeof REASONS;

/** A "no" as data: rules forbid what was asked. Nothing has changed. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly code: RefusalCode;
  readonly message: string;
  readonly remedy: Remedy;
  /** The remedy as a sentence. */
  readonly advice: string;
  /** Facts that help, as text: amounts in smallest units, heights, bytes in hex. */
  readonly detail: Readonly<Record<string, string>>;
}

export const refusalCodes: readonly RefusalCode[] = Object.keys(REASONS).filter(isRefusalCode);

export function isRefusalCode(text: string): text is RefusalCode {
  return Object.hasOwn(REASONS, text);
}

export function refuse(code: RefusalCode, detail: Readonly<Record<string, string | number | bigint>> = {}): Refusal {
  const [remedy, message] = REASONS[code];
  const texts = Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, String(value)]));
  return { kind: 'refusal', code, message, remedy, advice: REMEDIES[remedy], detail: texts };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refusal';
}
