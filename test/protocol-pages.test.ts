import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { longestSize, signatureOf, spentScript, stepsOf } from '../scripts/protocol-signatures.ts';
import { COINS, PAGES, type ProtocolPage, withProtocolTables } from '../scripts/protocol-tables.ts';
import { HASH, hashFor, type Made, termsOn, transactionsOf } from '../scripts/protocol-transactions.ts';
import { checkerFor } from '../src/chain/regtest/checker.ts';
import { verifyScript } from '../src/chain/regtest/interpreter.ts';
import { STANDARD_FLAGS } from '../src/chain/regtest/script-flags.ts';
import { amount } from '../src/core/base/amount.ts';
import { hexToBytes } from '../src/core/base/bytes.ts';
import { after, height } from '../src/core/base/height.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import { MAX_DEPOSITS } from '../src/core/channel/offer-fit.ts';
import { type Contract, channelIdOf, type RevocationHash, type Terms } from '../src/core/contract/contract.ts';
import { closeUrgency } from '../src/core/contract/fee.ts';
import { contracts } from '../src/core/contract/registry.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import { P2PKH_INPUT_BYTES } from '../src/core/contract/tx-size.ts';
import { encodePay } from '../src/core/message/compact.ts';
import { p2pkh, p2sh, reckonedBytes } from '../src/core/tx/script.ts';
import { decodeTransaction, type Transaction, transactionSize } from '../src/core/tx/transaction.ts';
import { MachinePair } from './world/machine-pair.ts';
import { blockOf, must, payerKey, sampleFunding } from './world/sample.ts';

const recorded = z.object({ refund: z.string(), settlement: z.string() });

const texts: ReadonlyMap<ProtocolPage, string> = new Map(PAGES.map((page) => [page, readFileSync(page.path, 'utf8')]));
const security = readFileSync('SECURITY.md', 'utf8');

function textOf(page: ProtocolPage): string {
  return texts.get(page) ?? assert.fail(page.path);
}

/** The last cell of the row of that name, for each contract of the page, as a number. */
function bytesOn(page: ProtocolPage, name: string): readonly number[] {
  const row = textOf(page)
    .split('\n')
    .find((line) => line.startsWith(`| ${name} |`));
  const cells = row?.split(' | ').at(-1)?.replace(' |', '').replaceAll(',', '').split(' / ').map(Number) ?? assert.fail(name);
  return page.contracts.map((_, i) => cells[i] ?? cells[0] ?? assert.fail(name));
}

/** Every contract, with what a page says that its transaction of that name has in bytes. */
function saidOf(name: string): ReadonlyMap<Contract, number> {
  return new Map(PAGES.flatMap((page) => bytesOn(page, name).map((bytes, i) => [page.contracts[i] ?? assert.fail(), bytes] as const)));
}

function signatureCount({ inputs }: Transaction): number {
  return inputs.flatMap(({ script }) => stepsOf(script).filter((step) => signatureOf(step) !== undefined)).length;
}

/** Each signature is a byte or two shorter than it could be, or not at all. */
function assertFits(transaction: Transaction, said: number, name: string, slack = 0): void {
  const size = transactionSize(transaction);
  assert.ok(size <= said && size >= said - 2 * signatureCount(transaction) - slack, `${name}: ${size} bytes, the page says ${said}`);
}

/** Why an input of it would not be taken, if one would not. */
function unlockError({ channels, heldUnder }: Made, transaction: Transaction): string | undefined {
  const errors = transaction.inputs.map(({ script }, i) => {
    const terms = channels[i];
    const key = stepsOf(script).at(-1)?.data ?? assert.fail();
    const output = terms === undefined ? p2pkh(key) : outputOf(terms, heldUnder);
    return verifyScript(script, output, STANDARD_FLAGS, checkerFor(transaction, i));
  });
  return errors.find((error) => error !== undefined);
}

function outputOf(terms: Terms, heldUnder: RevocationHash | undefined): Uint8Array {
  return heldUnder === undefined ? terms.contract.outputScript(terms) : terms.contract.paysTo(terms, heldUnder);
}

function golden(name: string): Transaction {
  return decodeTransaction(hexToBytes(readFileSync(`test/golden/tx/${name}.hex`, 'utf8').trim())) ?? assert.fail(name);
}

test('the tables of each page are what the code gives (npm run docs writes them)', () => {
  for (const [page, text] of texts) assert.equal(text, withProtocolTables(text, page), page.path);
});

test('every page of the folder is held to the code, and every contract has one', () => {
  assert.deepEqual(globSync('docs/protocol/*').sort(), PAGES.map(({ path }) => path).sort());
  const described = PAGES.flatMap(({ contracts: own, otherForm }) => [...own, ...(otherForm === undefined ? [] : [otherForm])]);
  const ids = (all: readonly Contract[]): readonly string[] => all.map(({ id }) => id).sort();
  assert.deepEqual(ids(described), ids(contracts));
});

test('the pages have one form: the same headings, one drawing; a sixth part may be of a page’s own', () => {
  const headings = [...texts.values()].map((text) => text.match(/^## (?!6 ).*$/gm));
  for (const one of headings) assert.deepEqual(one, headings[0]);
  assert.equal(headings[0]?.length, 6);
  for (const [{ path }, text] of texts) assert.equal(text.match(/^```/gm)?.length, 2, path);
});

for (const page of PAGES) {
  describe(page.path, () => {
    for (const [i, contract] of page.contracts.entries()) {
      test(`each transaction of ${contract.id}, built and signed on each coin, has the bytes of its row`, () => {
        for (const coin of COINS) {
          for (const { name, transaction } of transactionsOf(contract, coin)) {
            const said = bytesOn(page, name)[i] ?? assert.fail(name);
            assertFits(transaction, said, `${coin.id}, ${name}`);
            assert.equal(longestSize(transaction), said);
          }
        }
      });

      test(`each of ${contract.id} unlocks what it spends, by the rules that nodes relay by; one moment earlier, or at other outputs, it does not`, () => {
        for (const made of transactionsOf(contract, COINS[0])) {
          assert.equal(unlockError(made, made.transaction), undefined, made.name);
          const [output, ...others] = made.transaction.outputs;
          const changed = { ...made.transaction, outputs: [{ ...(output ?? assert.fail()), value: 1n }, ...others] };
          assert.ok(unlockError(made, changed), made.name);
          const { lockTime } = made.transaction;
          if (lockTime > 0) assert.ok(unlockError(made, { ...made.transaction, lockTime: lockTime - 1 }), made.name);
        }
      });

      test(`other payouts of ${contract.id} change it by as many bytes as the page says`, () => {
        const said = /an output to P2SH is (\d) bytes shorter.* to P2WPKH (\d) shorter, to P2WSH or P2TR (\d) longer/.exec(flat(page));
        const [shorter, ofKey, ofHash] = [said?.[1], said?.[2], said?.[3]].map(Number);
        const kinds = [
          [p2sh(new Uint8Array()), -(shorter ?? 0)],
          [Uint8Array.of(0, 20, ...new Uint8Array(20)), -(ofKey ?? 0)],
          [Uint8Array.of(0, 32, ...new Uint8Array(32)), ofHash ?? 0],
          [Uint8Array.of(0x51, 32, ...new Uint8Array(32)), ofHash ?? 0],
        ] as const;
        for (const coin of COINS.filter(({ prefix }) => prefix.bech32 !== undefined)) {
          for (const [payout, change] of kinds) {
            // What is held for the payee is paid to it later.
            const names = contract.revocation === undefined ? ['close', 'agreed end'] : ['payout', 'agreed end'];
            for (const { name, transaction } of transactionsOf(contract, coin, payout).filter((made) => names.includes(made.name))) {
              assert.equal(longestSize(transaction), (bytesOn(page, name)[i] ?? 0) + change, `${coin.id}, ${name}`);
            }
          }
        }
      });

      test(`the parts of each script of ${contract.id} come to the whole`, () => {
        const terms = termsOn(contract, COINS[0]);
        const held = contract.revocation === undefined ? [] : [['held', spentScript(terms, HASH)] as const];
        for (const [part, code] of [['script', contract.redeemScript(terms)] as const, ...held]) {
          const table = new RegExp(`made by npm run docs: ${part} -->([\\s\\S]*?)<!-- end`).exec(textOf(page))?.[1] ?? assert.fail();
          const sizes = [...table.matchAll(/^\|.*\| ([\d/ ]+) \|$/gm)].map(([, cell = '']) => {
            const each = cell.split(' / ').map(Number);
            return each[i] ?? each[0] ?? 0;
          });
          const whole = sizes.pop();
          assert.equal(
            sizes.reduce((sum, size) => sum + size, 0),
            whole,
          );
          assert.equal(code.length, whole);
        }
      });
    }

    test('the drawing has the times of Dogecoin', () => {
      const [coin] = COINS;
      const [, drawing = ''] = textOf(page).split('```');
      const { depth, buried } = coin.channel;
      const own = page.contracts.flatMap((contract) => (contract.revocation === undefined ? quarters(contract) : windows(contract)));
      const expected = new Set([...own, `F + ${(depth[0]?.blocks ?? 0) - 1}`, `R + ${buried - 1}`]);
      const free = new Set(['E + 1', 'T - 7200']);
      const drawn = [...drawing.replaceAll(',', '').matchAll(/[EFRT] [+-] \d+/g)].map(([mark]) => mark);
      assert.deepEqual(new Set(drawn.filter((mark) => !free.has(mark))), expected);
    });

    test('what it says of SECURITY.md is there', () => {
      const anchors = [...security.matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w ]/g, '')
          .replaceAll(' ', '-'),
      );
      const linked = [...textOf(page).matchAll(/SECURITY\.md#([\w-]+)/g)].map(([, anchor = '']) => anchor);
      assert.ok(linked.length >= 4);
      for (const anchor of linked) assert.ok(anchors.includes(anchor), anchor);
      const [, trust = ''] = flat(page).split('## 5 Trust');
      const points = [...trust.matchAll(/(?<![*\w])\*([^*]+)\*(?!\*)/g)].map(([, point = '']) => point);
      assert.ok(points.length >= 5);
      for (const point of points) assert.ok(security.replaceAll(/\s+/g, ' ').includes(`**${point}`), point);
    });

    test('the numbers in its sentences are those of the code', () => {
      const contract = page.contracts[0];
      const terms = termsOn(contract, COINS[0]);
      const { deposits } = sampleFunding(terms, [COINS[0].policy.dust * 1_000n]);
      const payment = must(contract.sign(terms, deposits, amount(COINS[0].policy.dust * 500n), payerKey, hashFor(terms)));
      const channel = channelIdOf(terms.coin, contract.redeemScript(terms));
      const said = flat(page);
      const bytes = encodePay({ kind: 'payment', channel, payment }).length;
      assert.ok(said.includes(`${bytes} bytes in the compact form`));
      assert.ok(said.includes(`${MAX_DEPOSITS} deposits in all`));
      assert.ok(said.includes(`Each further P2PKH input of a deposit adds ${P2PKH_INPUT_BYTES}.`));
      const output = contract.outputScript(terms);
      const reckoned = reckonedBytes(output);
      assert.equal(said.includes(`the deposit's output script as ${reckoned} bytes`), reckoned > output.length);
      if (contract.revocation !== undefined) assertSaysWindows(said, contract);
    });
  });
}

/** When a close of Dogecoin begins to pay more, as the drawing writes it. */
function quarters(contract: Contract): readonly string[] {
  const [coin] = COINS;
  const margin = coin.channel.span[contract.expiresBy].closingMargin;
  const terms = { ...termsOn(contract, coin), closingMargin: margin };
  const starts = [4, 3, 2, 1].map((quarter) => (margin * quarter) / 4);
  const urgencies = starts.map((left) => closeUrgency(terms, after(terms.expiry, -left)));
  assert.deepEqual(
    urgencies.map(({ factor, share }) => [factor, share]),
    [
      [1n, 10n],
      [3n, 5n],
      [10n, 3n],
      [100n, 2n],
    ],
  );
  return starts.map((left) => `${contract.expiresBy === 'height' ? 'E' : 'T'} - ${left}`);
}

/** The windows of payments that can be taken back: two looks of the payer, and twice what it sends, then what a reorganisation may undo. */
function windows(contract: Contract): readonly string[] {
  const [coin] = COINS;
  const { buried, span } = coin.channel;
  const { closingMargin } = span[contract.expiresBy];
  const delay = contract.revocation?.leastPayoutDelay(coin) ?? assert.fail(contract.id);
  const look = (delay - buried) / 4;
  const starts = [1, 2, 3, 4].map((steps) => `E + ${steps * look}`);
  return [...starts, `E + ${delay}`, `E - ${closingMargin}`, `E - ${closingMargin + firstTooLate(contract, closingMargin)}`];
}

/** How many blocks before the closing margin nothing is given back any more. */
function firstTooLate(contract: Contract, closingMargin: number): number {
  const pair = new MachinePair({ contract }).open(amount(COINS[0].policy.dust * 10_000n));
  pair.pay(COINS[0].policy.dust * 3_000n);
  assert.equal(pair.terms.closingMargin, closingMargin);
  const order = (before: number): boolean => {
    pair.tip = after(height(blockOf(pair.terms, pair.terms.expiry)), -closingMargin - before);
    return !isRefusal(pair.tellPayee({ kind: 'give-back', order: `${before}`, amount: COINS[0].policy.dust }));
  };
  return [...Array(60).keys()].find((before) => order(before + 1)) ?? assert.fail();
}

function assertSaysWindows(said: string, { revocation, expiresBy }: Contract): void {
  const [coin] = COINS;
  const { buried, span } = coin.channel;
  const { signing } = termsOn(revocable, coin);
  const least = revocation?.refuseTerms({ coin, signing, closingMargin: 0, payoutDelay: 0 })?.detail['least'];
  assert.equal(Number(least), 1.5 * buried);
  assert.ok(said.includes(`at least 1.5 times the blocks until it is over** (${least} on Dogecoin)`));
  const look = ((revocation?.leastPayoutDelay(coin) ?? 0) - buried) / 4;
  assert.equal(look * coin.blockSeconds, 12 * 3_600);
  assert.ok(said.includes(`both 12 hours (${look} blocks on Dogecoin), and r what a reorganisation may undo (${buried})`));
  const late = firstTooLate(revocable, span[expiresBy].closingMargin);
  assert.ok(said.includes(`Nothing is given back from ${late} blocks before the closing margin on`));
}

/** A page without its line breaks. */
function flat(page: ProtocolPage): string {
  return textOf(page).replaceAll(/\s+/g, ' ');
}

describe('what was recorded before has the bytes of the pages', () => {
  for (const [name, row] of [
    ['close-change', 'close'],
    ['close-across', 'close, topped up'],
    ['close-fixed', 'close, topped up'],
    ['refund', 'refund, topped up'],
    ['payout', 'payout'],
    ['penalty', 'penalty'],
  ] as const) {
    test(`${row}: transactions of earlier versions, ${name}`, () => {
      const others = new Set(PAGES.map(({ otherForm }) => otherForm));
      const recordedFor = contracts.filter((one) => !others.has(one)).filter(({ id }) => existsSync(`test/golden/tx/${id}-${name}.hex`));
      assert.ok(recordedFor.length > 0);
      for (const contract of recordedFor) {
        const page = PAGES.find(({ contracts: of }) => of.includes(contract)) ?? assert.fail(contract.id);
        const transaction = golden(`${contract.id}-${name}`);
        // Their heights have two bytes.
        const said = bytesOn(page, row)[page.contracts.indexOf(contract)] ?? assert.fail(row);
        assertFits(transaction, said, contract.id, contract.expiresBy === 'height' ? transaction.inputs.length : 0);
      }
    });
  }

  for (const [version, id] of [
    [1, 'presigned-refund'],
    [2, 'cltv-time'],
  ] as const) {
    test(`${id}: close and refund of the real bitcoinj`, () => {
      const own = recorded.parse(JSON.parse(readFileSync(`test/golden/bitcoinj/v${version}.json`, 'utf8')));
      const said = (row: string): number => [...saidOf(row)].find(([contract]) => contract.id === id)?.[1] ?? assert.fail(row);
      const read = (hex: string): Transaction => decodeTransaction(hexToBytes(hex)) ?? assert.fail();
      assertFits(read(own.settlement), said('close'), 'close');
      // Version 2 pushes a zero byte, where OP_0 would do.
      assertFits(read(own.refund), said('refund') + (version === 2 ? 1 : 0), 'refund', version === 2 ? 1 : 0);
    });
  }
});

test('a page with another number is told', () => {
  const [page] = PAGES;
  assert.ok(page !== undefined);
  const text = textOf(page);
  const changed = text.replace('| 386 |', '| 387 |');
  assert.notEqual(changed, text);
  assert.notEqual(changed, withProtocolTables(changed, page));
});
