import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorldError } from '../../engine/ports.ts';
import { readMnemonic } from '../../wallet/mnemonic.ts';
import { pricesOf } from './merchant.ts';
import { notWords } from './wallet.ts';

const refused = (work: () => unknown, message: RegExp): void =>
  assert.throws(work, (error) => error instanceof WorldError && error.code === 'config' && message.test(error.message));

test('prices: one twice, without = or without either side is refused as that; several items are taken', () => {
  refused(() => pricesOf(['tea=0.1', 'tea=0.2']), /^The price of tea is given twice\.$/);
  for (const text of ['tea', 'tea=', '=0.1', 'tea=0.1=2']) refused(() => pricesOf([text]), /is not a price\.$/);
  refused(() => pricesOf(['tea=cheap']), /^cheap is not an amount/);
  assert.deepEqual([...pricesOf(['tea=0.1', 'coffee=0.2']).keys()], ['tea', 'coffee']);
});

test('words that are no seed words are told by place and word', () => {
  const twelve = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
  const said = (text: string): string => {
    const reading = readMnemonic(text);
    return reading.kind === 'mnemonic' ? 'fine' : notWords(reading).message;
  };
  assert.equal(said(twelve.replace('year', 'yaer')), 'Word 4, “yaer”, is not a seed word.');
  assert.equal(said(twelve.slice(6)), 'These are 11 words.');
  assert.match(said(twelve.replace('yellow', 'year')), /do not belong together/);
  assert.equal(said(twelve), 'fine');
});
