import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must } from '../../../test/world/sample.ts';
import { amount } from '../../core/base/amount.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import { openPriceMemory, type PriceMemory } from '../../payer/price-memory.ts';
import { memoryStore } from '../../store/memory.ts';
import { Refused } from '../terminal/print.ts';
import { agreeToRaise, type Bargain, type Consenting, consent } from './price-consent.ts';

const DOGE = 100_000_000n;
const state = new MachinePair().open(100n * DOGE).payerState();

/** The owner at a terminal says so; nobody is there unless given. */
type Answer = 'yes' | 'no' | undefined;

class Owner {
  readonly prices: PriceMemory = openPriceMemory(memoryStore());
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
      'tea costs 40 DOGE, but was at most 0.1 DOGE before. Pay?',
      'tea costs 40 DOGE, but was at most 0.1 DOGE before. Pay?',
    ]);
    assert.ok(!isRefusal(await owner.buy(40n * DOGE)));
  });
});

describe('a payment of more than is due', () => {
  const raise = { due: amount(0n), moves: amount(1_387_000n) };
  const text =
    'The smallest payment that the channel can make now is 0.01387 DOGE; 0 DOGE of it are due, the rest becomes credit for later purchases.';

  /** Asks for a raise twice. @returns what was agreed to, the questions, and the refusal. */
  async function tried(answer: boolean | undefined, max?: bigint): Promise<readonly [boolean, readonly string[], Refusal | undefined]> {
    const questions: string[] = [];
    const asked = async (question: string): Promise<boolean> => {
      questions.push(question);
      return answer === true;
    };
    const agree = agreeToRaise({ ask: answer === undefined ? undefined : asked }, 'DOGE', max === undefined ? undefined : amount(max));
    try {
      return [(await agree(raise)) && (await agree(raise)), questions, undefined];
    } catch (error) {
      assert.ok(error instanceof Refused);
      return [false, questions, error.refusal];
    }
  }

  test('is refused where nobody can be asked and nobody agreed, with what agrees to it', async () => {
    const [isAgreed, questions, refusal] = await tried(undefined);
    assertRefused(refusal, 'price-too-high');
    assert.deepEqual([isAgreed, questions, refusal.advice], [false, [], `${text} To accept that: --max 0.01387.`]);
    assert.deepEqual(refusal.detail, { price: '1387000', most: '0' });
  });

  test('is made within the owner’s bound, and refused beyond it, at a terminal too', async () => {
    assert.deepEqual(await tried(undefined, 1_387_000n), [true, [], undefined]);
    assert.deepEqual(await tried(false, 1_387_000n), [true, [], undefined]);
    for (const answer of [undefined, true]) {
      const [isAgreed, questions, refusal] = await tried(answer, 1_386_999n);
      assert.deepEqual([isAgreed, questions, refusal?.detail], [false, [], { price: '1387000', most: '1386999' }]);
    }
  });

  test('is asked about at a terminal, once', async () => {
    assert.deepEqual(await tried(true), [true, [`${text} Pay?`], undefined]);
    const [isAgreed, questions, refusal] = await tried(false);
    assert.deepEqual([isAgreed, questions, refusal?.code], [false, [`${text} Pay?`], 'price-too-high']);
  });
});
