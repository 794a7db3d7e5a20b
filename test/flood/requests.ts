import { randomBytes } from 'node:crypto';
import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId, txId } from '../../src/core/base/bytes.ts';
import type { Offer, Pay, Request } from '../../src/core/message/message.ts';
import { readCompact, signer } from '../../src/core/tx/sign.ts';
import { endpoints } from '../../src/transport/http/endpoints.ts';
import { writeBody } from '../../src/transport/http/write-request.ts';

/** What a hostile stranger has at hand. */
export interface Loot {
  readonly offers: readonly Offer[];
  /** A channel that is open, and payments that were made in it. */
  readonly channel: ChannelId;
  readonly payments: readonly Pay[];
}

function http(method: string, path: string, body?: string, type = 'application/json', length?: number): string {
  const head = `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n`;
  return body === undefined
    ? `${head}\r\n`
    : `${head}content-type: ${type}\r\ncontent-length: ${length ?? Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function said(request: Request): string {
  const { method, path } = endpoints[request.kind];
  const body = writeBody(request);
  const to = 'channel' in request ? path.replace(':id', request.channel) : path;
  return http(method, to, body === undefined ? undefined : JSON.stringify(body));
}

function pick<T>(items: readonly T[]): T {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

function hex(bytes: number): string {
  return bytesToHex(randomBytes(bytes));
}

/** An announcement under an offer, of deposits that nobody made. */
function announce(offer: Offer): Request {
  const payerKey = signer(randomBytes(32)).publicKey;
  const deposits = Array.from({ length: 1 + Math.floor(Math.random() * 4) }, () => ({
    outpoint: { txid: txId(hex(32)), vout: 0 },
    value: amount(1_000_000_000n),
  }));
  return { kind: 'announce', offer, payerKey, expiry: offer.minExpiry, deposits };
}

function forged({ channel }: Loot): Request {
  const signature = readCompact(Uint8Array.from([...randomBytes(32), 1, ...randomBytes(31)]));
  const signatures = typeof signature === 'string' ? [] : [signature];
  return { kind: 'payment', channel, payment: { total: amount(9_000_000_000n), signatures } };
}

/** A PSBT of one input with as many fields that nobody knows as fit into so many bytes. */
function slowPsbt(bytes: number): string {
  const transaction = `02000000${'01'}${hex(32)}0000000000ffffffff${'01'}${'00'.repeat(8)}00${'00'.repeat(4)}`;
  const head = `70736274ff0100${(transaction.length / 2).toString(16)}${transaction}00`;
  const fields = Array.from({ length: Math.floor(bytes / 6) }, (_, i) => `04f0${i.toString(16).padStart(6, '0')}00`);
  return Buffer.from(`${head}${fields.join('')}0000`, 'hex').toString('base64');
}

/** Everything that costs a payee something and brings it nothing. */
export const hostile: Readonly<Record<string, (loot: Loot) => string>> = {
  'an offer': () => said({ kind: 'offer-request' }),
  'an announcement of no deposit': ({ offers }) => said(announce(pick(offers))),
  'an announcement under no offer': ({ offers }) => said(announce({ ...pick(offers), nonce: randomBytes(16) })),
  'an invoice nobody will pay': ({ channel }) => said({ kind: 'invoice-request', channel, item: 'tea' }),
  'an invoice of no channel': () => http('POST', `/v1/channels/${hex(32)}/invoices`, '{"item":"tea"}'),
  'a forged payment': (loot) => said(forged(loot)),
  'a payment again': ({ payments }) => said(pick(payments)),
  'a state': ({ channel }) => said({ kind: 'state-request', channel }),
  'not JSON': () => http('POST', '/v1/channels', hex(200)),
  'JSON of nothing': ({ channel }) => http('POST', `/v1/channels/${channel}/payments`, '{"compact":"AAAA"}'),
  'another type': ({ channel }) => http('POST', `/v1/channels/${channel}/payments`, '<a/>', 'text/xml'),
  'a junk PSBT': ({ channel }) =>
    http('POST', `/v1/channels/${channel}/payments`, JSON.stringify({ psbt: randomBytes(3_000).toString('base64') })),
  'a large PSBT of no channel': () => http('POST', `/v1/channels/${hex(32)}/payments`, JSON.stringify({ psbt: slowPsbt(100_000) })),
  'a large PSBT of a channel': ({ channel }) => http('POST', `/v1/channels/${channel}/end`, JSON.stringify({ psbt: slowPsbt(80_000) })),
  'a path of nothing': () => http('GET', `/${hex(8)}`),
  'a body of three megabytes': () => http('POST', '/v1/channels', '{', 'application/json', 3_000_000),
  'a large body of junk': () => http('POST', '/v1/channels', JSON.stringify({ offer: hex(50_000) })),
};

/** What never comes to an end. */
export const endless: readonly string[] = [
  'GET /v1/offer HTTP/1.1\r\nhost: localhost\r\nx: ',
  `${http('POST', '/v1/channels', '{', 'application/json', 1_000)}`,
  `POST /v1/channels HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"com\r\n`,
];
