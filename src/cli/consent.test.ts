import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../core/base/amount.ts';
import { isRefusal } from '../core/base/refusal.ts';
import { openPrices, type Prices } from '../payer/prices.ts';
import { memoryStore } from '../store/memory.ts';
import { MachinePair } from '../testing/machine-pair.ts';
import { assertRefused, must } from '../testing/sample.ts';
import { agreeToRaise, type Bargain, type Consenting, consent } from './consent.ts';

const DOGE = 100_000_000n;
const state = new MachinePair().open(100n * DOGE).payerState();

/** The owner at a terminal says so; nobody is there unless given. */
type Answer = 'yes' | 'no' | undefined;

class Owner {
  readonly prices: Prices = openPrices(memoryStore());
  readonly notes: string[] = [];
  readonly asked: string[] = [];

  buy(price: bigint, answer: Answer = undefined, alter: Partial<Bargain> = {}): ReturnType<typeof consent> {
    const print: Consenting['print'] = { note: (text) => void this.notes.push(text) };
    const ask = async (question: string): Promise<boolean> => {
      this.asked.push(question);
      return answer === 'yes';
    };
    const ware = { merchant: 'https://shop.example', item: 'tea' };
    return consent({ prices: this.prices, print, ask: answer && ask }, state, { ware, price: amount(price), times: 1, ...alter });
  }
}

describe('a price in a script', () => {
  test('that was never seen is said, paid, and the most from then on', async () => {
    const owner = new Owner();
    assert.equal(must(await owner.buy(DOGE / 10n)), DOGE / 10n);
    assert.match(owner.notes.join(), /^tea costs 0\.1 DOGE/);
    assert.equal(must(await owner.buy(DOGE / 10n)), DOGE / 10n);
    assert.equal(must(await owner.buy(DOGE / 20n)), DOGE / 10n, 'less is no reason to ask');
    assert.equal(must(await owner.buy(DOGE / 10n)), DOGE / 10n, 'nor is what was paid before');
    assertRefused(await owner.buy(DOGE / 10n + 1n), 'price-too-high');
    assertRefused(await owner.buy(400n * DOGE), 'price-too-high');
  });

  test('that was never seen is refused above a tenth of the deposits, for all of a command together', async () => {
    const [once, often] = [new Owner(), new Owner()];
    assertRefused(await once.buy(10n * DOGE + 1n), 'price-too-high');
    assert.equal(must(await once.buy(10n * DOGE)), 10n * DOGE);
    assertRefused(await often.buy(DOGE / 10n + 1n, undefined, { times: 100 }), 'price-too-high');
    assertRefused(await often.buy(1_000_000n * DOGE, undefined, { times: 499_999_999 }), 'price-too-high');
    assert.equal(must(await often.buy(DOGE / 10n, undefined, { times: 100 })), DOGE / 10n);
  });

  test('item after item, each never seen, comes to no more than that', async () => {
    const owner = new Owner();
    const buy = (item: string): ReturnType<typeof consent> =>
      owner.buy(4n * DOGE, undefined, { ware: { merchant: 'https://shop.example', item } });
    must(await buy('first'));
    must(await buy('second'));
    const refusal = await buy('third');
    assertRefused(refusal, 'price-too-high');
    assert.deepEqual(refusal.detail, { price: String(4n * DOGE), most: String(2n * DOGE) });
    must(await buy('first'));
  });

  test('is another merchant’s own', async () => {
    const owner = new Owner();
    must(await owner.buy(DOGE));
    assertRefused(await owner.buy(10n * DOGE, undefined, { ware: { merchant: 'http://elsewhere', item: 'tea' } }), 'price-too-high');
  });

  test('is bound by --max alone where that is given; the refusal names it', async () => {
    const owner = new Owner();
    const most = { max: amount(50n * DOGE) };
    assert.equal(must(await owner.buy(50n * DOGE, undefined, most)), 50n * DOGE);
    const refusal = await owner.buy(50n * DOGE + 1n, undefined, most);
    assertRefused(refusal, 'price-too-high');
    assert.match(refusal.advice, /--max 50\.00000001\./);
    assert.equal(must(await owner.buy(50n * DOGE)), 50n * DOGE, 'agreed to before');
  });
});

describe('a price at a terminal', () => {
  test('that was never seen, or is higher than before, is asked about', async () => {
    const owner = new Owner();
    assertRefused(await owner.buy(DOGE / 10n, 'no'), 'price-too-high');
    assert.equal(must(await owner.buy(DOGE / 10n, 'yes', { times: 3 })), DOGE / 10n);
    assert.equal(must(await owner.buy(DOGE / 10n, 'no')), DOGE / 10n, 'agreed to: not asked');
    assertRefused(await owner.buy(40n * DOGE, 'no'), 'price-too-high');
    assert.equal(must(await owner.buy(40n * DOGE, 'yes')), 40n * DOGE);
    assert.deepEqual(owner.asked, [
      'tea costs 0.1 DOGE. Pay?',
      'tea costs 0.1 DOGE, 0.3 DOGE for 3. Pay?',
      'tea costs 40 DOGE, and was 0.1 at most before. Pay?',
      'tea costs 40 DOGE, and was 0.1 at most before. Pay?',
    ]);
    assert.ok(!isRefusal(await owner.buy(40n * DOGE)));
  });
});

test('a payment of more than is due is told, asked for where somebody is there, and held against the owner’s bound', async () => {
  const raise = { due: amount(0n), moves: amount(1_387_000n) };
  const tried = async (answer: boolean | undefined, max?: bigint): Promise<readonly [boolean, string, string]> => {
    const notes: string[] = [];
    let question = '';
    const print = { note: (text: string) => void notes.push(text) };
    const ask =
      answer === undefined
        ? undefined
        : async (text: string): Promise<boolean> => {
            question = text;
            return answer;
          };
    return [await agreeToRaise({ print, ask }, raise, 'DOGE', max === undefined ? undefined : amount(max)), notes.join(), question];
  };
  const text = 'The least that the channel can pay now is 0.01387 DOGE, for 0 DOGE that are due: the rest is credit for later purchases.';
  assert.deepEqual(await tried(undefined), [true, text, '']);
  assert.deepEqual(await tried(false), [false, '', `${text} Pay?`]);
  assert.deepEqual(await tried(true), [true, '', `${text} Pay?`]);
  assert.deepEqual(await tried(true, 1_386_999n), [false, text, '']);
  assert.deepEqual(await tried(false, 1_387_000n), [true, '', '']);
});
