import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorldError } from '../../engine/ports.ts';
import { checkPayFlags, type PayFlags } from './pay-flags.ts';

const SERVER = '127.0.0.1:4242';

const refuses = (name: string, flags: PayFlags, channel?: string): void =>
  assert.throws(
    () => checkPayFlags(channel, flags),
    (error) => error instanceof WorldError && error.code === 'config' && error.message.startsWith(`${name} `),
    name,
  );

test('what only a bitcoinj server is told is refused without one, by name', () => {
  refuses('--deposit', { item: 'tea', deposit: '10' });
  refuses('--info', { item: 'tea', info: 'tea' });
  refuses('--protocol', { item: 'tea', protocol: 2 });
  refuses('--settle', { amount: '1', settle: true });
});

test('what a bitcoinj server can not be told is refused beside one, by name', () => {
  refuses('--item', { bitcoinj: SERVER, item: 'tea' });
  refuses('--psbt', { bitcoinj: SERVER, amount: '1', psbt: true });
  refuses('[channel]', { bitcoinj: SERVER, amount: '1' }, '1f0c');
});

test('what goes with a payment is refused where none is made, and a price where the merchant names it', () => {
  refuses('--info', { bitcoinj: SERVER, deposit: '10', info: 'tea' });
  refuses('--times', { bitcoinj: SERVER, settle: true, times: 5 });
  refuses('--amount', { item: 'tea', amount: '1' });
});

test('everything that is of use is taken', () => {
  checkPayFlags('1f0c', { item: 'tea', max: '1', times: 3, psbt: true });
  checkPayFlags(undefined, { amount: '1', times: 3, max: '1' });
  checkPayFlags(undefined, { bitcoinj: SERVER, deposit: '10' });
  checkPayFlags(undefined, { bitcoinj: SERVER, settle: true, protocol: 1 });
  checkPayFlags(undefined, { bitcoinj: SERVER, deposit: '10', amount: '1', max: '1', times: 3, info: 'tea', protocol: 2, settle: true });
});
