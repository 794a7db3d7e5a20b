import assert from 'node:assert/strict';
import { base64 } from '@scure/base';
import { isRefusal, type Refusal } from '../../../src/core/base/refusal.ts';
import { termsOf } from '../../../src/core/channel/payee-open.ts';
import type { Announce, End, Pay } from '../../../src/core/message/message.ts';
import { type ChannelPsbt, decodePsbt } from '../../../src/core/message/psbt-codec.ts';
import { type PsbtMaps, readMaps } from '../../../src/core/message/psbt-maps.ts';
import { announcePsbt, endPsbt, paymentPsbt, readAnnounce, readEnd, readPayment } from '../../../src/core/message/psbt-payment.ts';
import { type Channel, psbt as form } from '../../conformance/suite/codec.ts';
import { publishedVectors } from '../../vector.ts';
import { libraryMaps } from '../../world/library-psbt.ts';
import { golden } from '../corpus.ts';
import { channels } from '../samples.ts';
import { ACCEPTED, type Outcome, outcomeOf, type Target } from '../target.ts';
import { mutatePsbt } from '../wire.ts';

/** Every text of published vectors that is a PSBT. */
function publishedPsbts(value: unknown): readonly Uint8Array[] {
  if (typeof value === 'string') return value.startsWith('cHNidP') ? [base64.decode(value)] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(publishedPsbts) : [];
}

/** PSBTs, and the messages that they stand for. */
export const psbt: Target = {
  name: 'psbt',
  files: ['message/psbt-codec', 'message/psbt-maps', 'message/psbt-payment', 'tx/wire-reader'].map((name) => `core/${name}.ts`),
  corpus: [...golden('message/v1/*-psbt.hex'), ...publishedPsbts(publishedVectors('bip174-psbt.json'))],
  mutate: mutatePsbt,
  check: (input) => {
    const maps = readMaps(input);
    if (!('kind' in maps)) assertSameMaps(maps, libraryMaps(input));
    const read = decodePsbt(input);
    return isRefusal(read) ? outcomeOf(read) : message(read);
  },
};

/** Whatever is read, the library reads to the same, where it reads it: it also looks at what a channel has no use for. */
function assertSameMaps(read: PsbtMaps, theirs: PsbtMaps | undefined): void {
  if (theirs !== undefined) assert.deepEqual(read, theirs);
}

function message(read: ChannelPsbt): Outcome {
  const outcomes = channels.flatMap((channel) => {
    const { offer, terms, deposits } = channel;
    return [
      written(channel, readAnnounce(read, offer), (announce) => announcePsbt(termsOf(announce), announce.deposits, channel.funding)),
      written(channel, readPayment(read, terms, deposits), ({ payment }) => paymentPsbt(terms, deposits, payment, channel.funding)),
      written(channel, readEnd(read, terms, deposits), (end) => endPsbt(terms, deposits, end, channel.funding)),
    ];
  });
  const accepted = outcomes.filter(({ code }) => code === 'accepted');
  // An announcement does not say which kind of signatures its offer asks for, nor, without the key that punishes, whether payments can be taken back.
  assert.ok(accepted.length <= 3);
  return (
    accepted[0] ??
    outcomes.find(({ code }) => !['psbt-outputs-wrong', 'script-unknown', 'key-foreign'].includes(code)) ??
    outcomes[0] ??
    ACCEPTED
  );
}

/** A message that is read says the same when it is written and read again. */
function written<Message extends Announce | Pay | End>(
  channel: Channel,
  read: Message | Refusal,
  write: (message: Message) => Uint8Array,
): Outcome {
  if (isRefusal(read)) return outcomeOf(read);
  // What it is an announcement of may be funded by transactions that nobody else has.
  if (read.kind === 'announce' && read.deposits.some(({ outpoint }) => !channel.funding.has(outpoint.txid)))
    return { code: 'accepted', path: 'other deposits' };
  const decode = { announce: form.announce, payment: form.payment, end: form.end }[read.kind].decode;
  assert.deepEqual(decode(channel, write(read)), read);
  return { code: 'accepted', path: read.kind };
}
