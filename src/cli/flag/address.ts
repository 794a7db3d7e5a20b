import { type Amount, formatAmount } from '../../core/base/amount.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { scriptOf } from '../../core/tx/address.ts';
import { WorldError } from '../../engine/ports.ts';
import { readPaymentUri } from '../../wallet/uri.ts';

/** Where to pay, and how much where a payment URI says it. */
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
  const why = WHY[reading.kind] ?? `is no address on ${coin.id}`;
  throw new WorldError('config', `${text} ${why}.`, `Give an address of ${coin.name}, or a URI: ${coin.uriScheme}:<address>?amount=1.5`);
}

const WHY: Readonly<Record<string, string>> = {
  'wrong-coin': 'is a URI of another coin',
  amount: 'asks for something that is no amount',
  malformed: 'can’t be read',
  repeated: 'says a thing twice',
  required: 'asks for something that pawment does not know',
};

/** The amount that was given, or else the one that the URI asks for; both only when they agree. @throws WorldError `config` */
export function amountTo({ amount: asked }: Destination, given: Amount | undefined): Amount {
  const value = given ?? asked;
  if (value === undefined) throw new WorldError('config', 'No amount is given.', 'Write it behind the address, in whole coins.');
  if (asked !== undefined && asked !== value) {
    throw new WorldError('config', `The URI asks for ${formatAmount(asked)}, and ${formatAmount(value)} was given.`, 'Give one of them.');
  }
  return value;
}
