import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { contractsOn, keyNumber, must, payeeKey, payerKey } from '../../../test/world/sample.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { type Amount, amount } from '../base/amount.ts';
import { bytesToHex } from '../base/bytes.ts';
import { isRefusal } from '../base/refusal.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Payment } from '../contract/contract.ts';
import type { Invoice } from '../message/message.ts';
import { decodeSignature, encodeSignature, isStrictDer, type Signature, type Verify } from '../tx/sign.ts';
import { type PayeeInput, payee } from './payee.ts';
import type { PayeeState } from './payee-state.ts';
import type { Env, KeptInvoice } from './state-machine.ts';

const DOGE = 100_000_000n;
const { verify: verifyFast } = await fastestVerifier();

/** The same check of the same bytes is made once: histories repeat the same few payments. */
function remembering(verify: Verify): Verify {
  const known = new Map<string, boolean>();
  return (signature, digest, key) => {
    const name = `${bytesToHex(signature)} ${bytesToHex(digest)}`;
    const result = known.get(name) ?? verify(signature, digest, key);
    known.set(name, result);
    return result;
  };
}

/** A payee with its invoices, driven as the engine does it, without the disk. */
class Desk {
  state: PayeeState;
  readonly invoices: Map<string, KeptInvoice> = new Map();
  readonly #env: Env;

  constructor(state: PayeeState, env: Env) {
    this.state = state;
    this.#env = env;
  }

  take(input: PayeeInput): string {
    const step = payee(this.state, input, this.#env);
    if (isRefusal(step)) return step.code;
    this.state = step.state ?? assert.fail('a channel does not vanish');
    if (step.invoice !== undefined) this.invoices.set(step.invoice.invoice.id, step.invoice);
    return 'taken';
  }

  pay(payment: Payment, id?: string): string {
    const invoice = id === undefined ? undefined : this.invoices.get(id);
    const pay = { kind: 'payment', channel: this.state.channel, payment, ...(id === undefined ? {} : { invoice: id }) } as const;
    return this.take({ kind: 'payment', pay, ...(invoice === undefined ? {} : { invoice }) });
  }

  bill(id: string, price: bigint, channel = this.state.channel): Invoice {
    const invoice: Invoice = {
      ...{ kind: 'invoice', id, channel, item: 'tea', text: 'A cup of tea', amount: amount(price), address: 'x', expires: 2_000_000 },
    };
    this.invoices.set(id, { invoice });
    return invoice;
  }
}

const contracts = contractsOn(dogecoinRegtest);
/** 100,000 with all contracts together. */
const HISTORIES = Math.ceil(100_000 / contracts.length);

for (const contract of contracts) {
  const pair = new MachinePair({ contract }).open(10n * DOGE, 5n * DOGE);
  const fresh = pair.payeeState();
  const env: Env = { ...pair.env(payeeKey), verify: remembering(verifyFast) };
  const signed = (total: bigint, signer = payerKey): Payment =>
    must(contract.sign(fresh.terms, fresh.deposits, amount(total), signer, pair.hash));
  const desk = (): Desk => new Desk(fresh, env);

  describe(`${contract.id}: a hostile payer`, () => {
    test('whatever the order of 12 payments and how often each comes, the best is the largest that was taken', () => {
      const totals = Array.from({ length: 12 }, (_, i) => BigInt(i + 1) * DOGE);
      const payments = totals.map((total) => signed(total));
      const orders = fc.array(fc.nat(payments.length - 1), { minLength: 1, maxLength: 16 });
      const holds = (order: readonly number[]): void => {
        const at = desk();
        let best = 0n;
        for (const i of order) {
          const payment = payments[i] ?? assert.fail('no such payment');
          const answer = at.pay(payment);
          assert.equal(answer, payment.total >= best ? 'taken' : 'total-lower');
          if (payment.total > best) best = payment.total;
          assert.equal(at.state.best?.total, best);
        }
        const close = must(payee(at.state, { kind: 'close' }, env));
        assert.equal(close.state?.best?.total, best);
      };
      // Closing signs, which is what takes the time: every history is played, every hundredth is closed.
      let played = 0;
      fc.assert(
        fc.property(orders, (order) => (played++ % 100 === 0 ? holds(order) : playedOnly(order))),
        { numRuns: HISTORIES },
      );

      function playedOnly(order: readonly number[]): void {
        const at = desk();
        for (const i of order) at.pay(payments[i] ?? assert.fail('no such payment'));
        assert.equal(
          at.state.best?.total,
          order.reduce<bigint>((most, i) => ((totals[i] ?? 0n) > most ? (totals[i] ?? 0n) : most), 0n),
        );
      }
    });

    test('three clients that share a channel and each want to buy two things: in every order, each thing is bought once at most and charged once', () => {
      const payments = [1n, 2n, 3n].map((total) => signed(total * DOGE));
      const bought = (order: readonly number[]): void => {
        const at = desk();
        for (const client of [0, 1, 2]) for (const item of [0, 1]) at.bill(`${client}${item}`, DOGE);
        const next = [0, 0, 0];
        let taken = 0;
        for (const client of order) {
          const item = next[client] ?? 0;
          next[client] = item + 1;
          // Every client uses the same few signatures, as one with a copied wallet would.
          const answers = payments.map((payment) => at.pay(payment, `${client}${item}`));
          const before = at.state;
          taken += answers.filter((answer) => answer === 'taken').length > 0 ? 1 : 0;
          for (const payment of payments) at.pay(payment, `${client}${item}`);
          assert.equal(at.state, before, 'the same again buys nothing');
        }
        const paid = [...at.invoices.values()].filter(({ paidTotal }) => paidTotal !== undefined);
        assert.equal(paid.length, taken);
        assert.equal(at.state.spent, BigInt(paid.length) * DOGE);
        assert.ok(at.state.spent <= (at.state.best?.total ?? 0n));
        assert.equal(new Set(paid.map(({ paidTotal }) => paidTotal)).size, paid.length, 'no total pays twice');
      };
      const orders = orderings([0, 0, 1, 1, 2, 2]);
      assert.equal(orders.length, 90);
      for (const order of orders) bought(order);
    });

    test('a payment signed for one channel, spent on any invoice of any other: only the diagonal is taken', () => {
      const worlds = [1, 2, 3, 4].map((salt) => {
        const own = new MachinePair({ contract });
        const moved = { ...own.terms, payerKey: keyNumber(500 + salt).publicKey };
        const deposits = fresh.deposits.map((deposit) => ({ ...deposit }));
        const channel = bytesToHex(new Uint8Array(32).fill(salt)) as PayeeState['channel'];
        const state: PayeeState = { ...fresh, kind: 'open', channel, terms: moved, deposits };
        return { state, payment: must(contract.sign(moved, deposits, amount(DOGE), keyNumber(500 + salt), pair.hash)) };
      });
      const taken: string[] = [];
      for (const [i, { payment }] of worlds.entries()) {
        for (const [j, { state: billed }] of worlds.entries()) {
          for (const [k, { state }] of worlds.entries()) {
            const at = new Desk(state, env);
            at.bill('a', DOGE, billed.channel);
            const answer = at.pay(payment, 'a');
            if (answer === 'taken') taken.push(`${i}${j}${k}`);
            else assert.ok(answer === 'invoice-foreign' || answer === 'signature-wrong', answer);
          }
        }
      }
      assert.deepEqual(taken, ['000', '111', '222', '333']);
    });

    test('every bit of a signature counts: none of the 512 with one flipped is taken', () => {
      const payment = signed(DOGE);
      const [signature = new Uint8Array() as Signature] = payment.signatures;
      const at = desk();
      for (let bit = 0; bit < 512; bit++) {
        const flipped = signature.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(at.pay({ ...payment, signatures: [flipped as Signature] }), 'signature-wrong', `bit ${bit}`);
      }
      assert.equal(at.pay(payment), 'taken');
    });

    test('every byte of a signature as scripts carry it counts: none of the others is read as the same one', () => {
      const [signature = new Uint8Array() as Signature] = signed(DOGE).signatures;
      const der = encodeSignature(signature, 0x83);
      for (let at = 0; at < der.length; at++) {
        for (let value = 0; value < 256; value++) {
          if (value === der[at]) continue;
          const changed = der.slice();
          changed[at] = value;
          const read = decodeSignature(changed);
          if (typeof read === 'string') continue;
          assert.ok(isStrictDer(changed));
          assert.notDeepEqual([read.hashType, bytesToHex(read.signature)], [0x83, bytesToHex(signature)], `byte ${at} as ${value}`);
        }
      }
      const read = decodeSignature(der);
      assert.ok(typeof read !== 'string' && bytesToHex(read.signature) === bytesToHex(signature));
    });

    test('amounts at the edges of number formats: none above what the channel holds is taken, none below zero is an amount', () => {
      const payment = signed(DOGE);
      const at = desk();
      for (const edge of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n]) {
        const total = edge as Amount;
        assert.equal(at.pay({ ...payment, total }), 'total-above-capacity', String(edge));
      }
      for (const edge of [-1n, -(2n ** 63n), 2n ** 63n, 2n ** 64n]) assert.throws(() => amount(edge), RangeError, String(edge));
      assert.equal(at.pay(payment), 'taken');
    });
  });
}

/** Every different order of some things of which several are alike. */
function orderings(things: readonly number[]): readonly (readonly number[])[] {
  if (things.length === 0) return [[]];
  return [...new Set(things)].flatMap((first) => {
    const rest = things.toSpliced(things.indexOf(first), 1);
    return orderings(rest).map((order) => [first, ...order]);
  });
}
