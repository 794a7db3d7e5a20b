import { type Amount, formatAmount, parseAmount } from '../core/base/amount.ts';
import type { Coin } from '../core/coin/coin.ts';
import { scriptOf } from '../core/tx/address.ts';

/** What a payment URI asks for (BIP21). */
export interface PaymentRequest {
  readonly address: string;
  readonly amount?: Amount;
  /** The receiver of the money. */
  readonly label?: string;
  /** The purpose of the payment. */
  readonly message?: string;
}

export type PaymentUriReading =
  | { readonly kind: 'request'; readonly request: PaymentRequest }
  | { readonly kind: 'not-a-uri' | 'wrong-coin' | 'address' | 'amount' | 'malformed' }
  | { readonly kind: 'repeated' | 'required'; readonly parameter: string };

/** Writes `dogecoin:<address>?amount=1.5&label=…`. @throws TypeError when the address is not one of `coin`. */
export function paymentUri(coin: Coin, { address, amount, label, message }: PaymentRequest): string {
  if (scriptOf(coin, address) === undefined) throw new TypeError(`${address} is not an address on ${coin.id}`);
  const fields = [
    amount === undefined ? '' : `amount=${formatAmount(amount)}`,
    label === undefined ? '' : `label=${encodeURIComponent(label)}`,
    message === undefined ? '' : `message=${encodeURIComponent(message)}`,
  ].filter(Boolean);
  return `${coin.uriScheme}:${address}${fields.length === 0 ? '' : `?${fields.join('&')}`}`;
}

/**
 * Reads a payment URI according to BIP21: `+` is a plus, unknown parameters are ignored, and an unknown one that begins with `req-` makes the whole
 * URI invalid. A parameter that appears twice is refused, since two readers could use different ones.
 */
export function readPaymentUri(coin: Coin, text: string): PaymentUriReading {
  const match = /^([a-z][a-z0-9+.-]*):([^?#]*)(?:\?([^#]*))?$/i.exec(text.trim());
  if (match === null) return { kind: 'not-a-uri' };
  const [, scheme = '', address = '', query = ''] = match;
  if (scheme.toLowerCase() !== coin.uriScheme) return { kind: 'wrong-coin' };
  if (scriptOf(coin, address) === undefined) return { kind: 'address' };
  const fields = readQuery(query);
  if ('kind' in fields) return fields;
  return requestFrom(address, fields.values);
}

function readQuery(query: string): { readonly values: ReadonlyMap<string, string> } | PaymentUriReading {
  const values = new Map<string, string>();
  for (const pair of query.split('&').filter(Boolean)) {
    const at = pair.indexOf('=');
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? '' : decode(pair.slice(at + 1));
    if (name === undefined || value === undefined) return { kind: 'malformed' };
    if (name.startsWith('req-')) return { kind: 'required', parameter: name };
    if (values.has(name)) return { kind: 'repeated', parameter: name };
    values.set(name, value);
  }
  return { values };
}

function requestFrom(address: string, values: ReadonlyMap<string, string>): PaymentUriReading {
  const text = values.get('amount');
  const amount = text === undefined ? undefined : uriAmount(text);
  if (text !== undefined && amount === undefined) return { kind: 'amount' };
  const label = values.get('label');
  const message = values.get('message');
  const request: PaymentRequest = {
    address,
    ...(amount === undefined ? {} : { amount }),
    ...(label === undefined ? {} : { label }),
    ...(message === undefined ? {} : { message }),
  };
  return { kind: 'request', request };
}

/** BIP21 allows a number without digits before or after the point, but not without both. */
function uriAmount(text: string): Amount | undefined {
  return parseAmount(text.replace(/^\.(?=[0-9])/, '0.').replace(/(?<=^[0-9]+)\.$/, ''));
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
