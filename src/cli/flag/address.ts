import { type Amount, formatAmount } from '../../core/base/amount.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { scriptOf } from '../../core/tx/address.ts';
import { WorldError } from '../../engine/ports.ts';
import { readPaymentUri } from '../../wallet/uri.ts';

/** Where to pay, and how much if a payment URI says it. */
export interface Destination {
  readonly address: string;
  readonly script: Uint8Array;
  readonly amount?: Amount;
}

/** An address of the coin, or a payment URI with one (BIP21). @throws WorldError `config` */
export function destinationOf(coin: Coin, text: string): Destination {
  const reading = readPaymentUri(coin, text);
  const wanted = reading.kind === 'request' ? reading.request : { address: text };
  const script = scriptOf(coin, wanted.address);
  if (script !== undefined) return { ...wanted, script };
  const why = WHY[reading.kind] ?? `is not an address on ${coin.id}`;
  throw new WorldError('config', `${text} ${why}.`, `Use an address of ${coin.name}, or a URI: ${coin.uriScheme}:<address>?amount=1.5`);
}

const WHY: Readonly<Record<string, string>> = {
  'wrong-coin': 'is a URI of another coin',
  amount: 'has an amount that can’t be read',
  malformed: 'can’t be read',
  repeated: 'has a parameter twice',
  required: 'requires something that pawment does not know',
};

/** The given amount, or the one in the URI; both only when they are equal. @throws WorldError `config` */
export function amountTo(coin: Coin, { amount: asked }: Destination, given: Amount | undefined): Amount {
  const value = given ?? asked;
  if (value === undefined) throw new WorldError('config', 'No amount is given.', 'Write it after the address, in whole coins.');
  if (asked !== undefined && asked !== value) {
    throw new WorldError(
      'config',
      `The URI asks for ${formatAmount(asked)} ${coin.ticker}, but ${formatAmount(value)} ${coin.ticker} was given.`,
      'Use one of them.',
    );
  }
  return value;
}
