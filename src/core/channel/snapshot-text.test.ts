import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { amount, ZERO } from '../base/amount.ts';
import { channelId, txId } from '../base/bytes.ts';
import { height, LOCK_TIME_THRESHOLD, lockTime, MAX_LOCK_TIME } from '../base/height.ts';
import { dogecoin } from '../coin/dogecoin.ts';
import type { Deposit, HeldOutput, Terms } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import type { Receipt } from '../message/message.ts';
import { p2pkh } from '../tx/script.ts';
import { readCompact, type Signature, signer } from '../tx/sign.ts';
import type { Outpoint } from '../tx/transaction.ts';
import type { BestPayment, PayeeState } from './payee-state.ts';
import { payeeSnapshot } from './snapshot.ts';

type Open = Extract<PayeeState, { kind: 'open' }>;

const payer = signer(new Uint8Array(32).fill(1)).publicKey;
const payee = signer(new Uint8Array(32).fill(2)).publicKey;
const penalty = signer(new Uint8Array(32).fill(3)).publicKey;

const hex = (digits: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const amounts = fc.bigInt(0n, 10n ** 18n).map(amount);
const channels = hex(64).map(channelId);
const signatures: fc.Arbitrary<Signature> = fc
  .uint8Array({ minLength: 64, maxLength: 64 })
  .map((bytes) => readCompact(bytes))
  .filter((read) => typeof read !== 'string');
const outpoints: fc.Arbitrary<Outpoint> = fc.record({ txid: hex(64).map(txId), vout: fc.nat(0xffff_ffff) });
const deposits: fc.Arbitrary<Deposit> = fc.record({ outpoint: outpoints, value: amounts });
const hashes = fc.uint8Array({ minLength: 20, maxLength: 20 });
const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });
const held: fc.Arbitrary<HeldOutput> = fc.record({ outpoint: outpoints, value: amounts, hash: hashes });
const receipt: fc.Arbitrary<Receipt> = fc.record(
  {
    kind: fc.constant('receipt' as const),
    ...{ channel: channels, total: amounts, spent: amounts, capacity: amounts },
    ...{ invoice: hex(32), secret: secrets, giveBack: amounts },
  },
  { requiredKeys: ['kind', 'channel', 'total', 'spent', 'capacity'] },
);
const best: fc.Arbitrary<BestPayment> = fc.record(
  { total: amounts, signatures: fc.array(signatures, { minLength: 1, maxLength: 3 }), hash: hashes, receipt },
  { requiredKeys: ['total', 'signatures', 'receipt'] },
);
const own = fc.constantFrom(...contracts).chain((contract) => {
  const range = contract.expiresBy === 'time' ? { min: LOCK_TIME_THRESHOLD, max: MAX_LOCK_TIME } : { max: LOCK_TIME_THRESHOLD - 1 };
  const revocation = fc.record({ payoutDelay: fc.integer({ min: 1, max: 10_000 }), penaltyKey: fc.constant(penalty) });
  const ageLock = fc.record({ blocks: fc.integer({ min: 1, max: 0xffff }), spendHash: hashes });
  const revoking = contract.revocation === undefined ? [] : (['revocation'] as const);
  return fc.record(
    {
      ...{ contract: fc.constant(contract), expiry: fc.integer({ min: 0, ...range }).map(lockTime), revocation },
      ...(contract.expiryIn === 'age' && { ageLock }),
    },
    { requiredKeys: ['contract', 'expiry', ...revoking, ...(contract.expiryIn === 'age' ? (['ageLock'] as const) : [])] },
  );
});
const agreed = fc.record({
  coin: fc.constant(dogecoin),
  signing: fc.oneof(
    fc.record({ kind: fc.constant('flexible' as const), slot: fc.nat(300) }),
    fc.record({ kind: fc.constant('fixed' as const), fee: amounts }),
  ),
  closingMargin: fc.nat(1000),
  payeeScript: fc.constant(p2pkh(payee)),
  payerKey: fc.constant(payer),
  payeeKey: fc.constant(payee),
});
const terms: fc.Arbitrary<Terms> = fc.tuple(own, agreed).map(([one, other]) => ({ ...one, ...other }));
const open: fc.Arbitrary<Open> = fc.record(
  {
    kind: fc.constant('open' as const),
    channel: channels,
    terms,
    keyName: fc.string(),
    deposits: fc.array(deposits, { maxLength: 3 }),
    sources: fc.array(fc.record({ deposit: outpoints, spends: fc.array(outpoints, { maxLength: 3 }) }), { maxLength: 3 }),
    limits: fc.record(
      {
        maxDeposit: amounts,
        depth: fc.array(fc.record({ upTo: amounts, blocks: fc.nat(100) }), { minLength: 1, maxLength: 3 }),
        unconfirmed: amounts,
      },
      { requiredKeys: ['maxDeposit', 'depth'] },
    ),
    backing: fc.record({ backed: amounts, deepAt: fc.nat(499_999_999).map(height) }, { requiredKeys: ['backed'] }),
    spent: amounts,
    best,
    revoked: fc.nat(),
    giveBack: amounts,
    held: fc.array(held, { maxLength: 3 }),
  },
  { requiredKeys: ['kind', 'channel', 'terms', 'keyName', 'deposits', 'limits', 'spent'] },
);

/** Any other state is written by the schema itself. */
function bySchema(state: Open): string {
  return payeeSnapshot.encode({ ...state, kind: 'paused' }).replace('"kind":"paused"', '"kind":"open"');
}

test('an open payee state is written to the very text that the schema writes, and reads back', () => {
  fc.assert(
    fc.property(open, (state) => {
      const text = payeeSnapshot.encode(state);
      assert.equal(text, bySchema(state));
      assert.equal(payeeSnapshot.encode(payeeSnapshot.decode(text)), text);
    }),
  );
});

test('a later state that shares parts with an earlier one is written with its own', () => {
  fc.assert(
    fc.property(open, open, (earlier, later) => {
      payeeSnapshot.encode(earlier);
      const mixed = { ...earlier, deposits: later.deposits, limits: later.limits, spent: ZERO };
      assert.equal(payeeSnapshot.encode(mixed), bySchema(mixed));
    }),
  );
});
