import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRegtest } from '../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { contracts } from '../src/core/contract/registry.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { MinedPair, type Side } from './world/mined-pair.ts';
import { assertRefused, contractsOn } from './world/sample.ts';

const { verify } = await fastestVerifier();
const regtest = createRegtest({ coin: dogecoinRegtest, relay: 'peer', verify });
regtest.mine(1_360);
const { buried } = dogecoinRegtest.channel;
const DEPTHS = Array.from({ length: buried }, (_, i) => i + 1);

/** Takes the last blocks off the chain; what they held waits in the mempool again. */
function reorganise(pair: MinedPair, depth: number, sides: readonly Side[] = ['payer', 'payee']): void {
  const block = regtest.block(regtest.tip.height - depth + 1);
  assert.ok(block !== undefined && regtest.invalidate(block.hash));
  pair.look(sides);
}

/** How a side ended and what it got; undefined while it goes on. */
function endOf(pair: MinedPair, side: Side): readonly [string, bigint | undefined] | undefined {
  const state = side === 'payer' ? pair.payerState() : pair.payeeState();
  if (state.kind !== 'ended') return undefined;
  return [state.how, 'returned' in state ? state.returned : state.received];
}

/** Something of the channel that is mined `depth` deep, brought about by the test. */
interface Stage {
  readonly name: string;
  readonly begin: (pair: MinedPair) => void;
  /** Who is there: a payee would contest the refund once it is back in the mempool. */
  readonly sides: readonly Side[];
}

const BOTH = ['payer', 'payee'] as const;

const stages: readonly Stage[] = [
  {
    name: 'a close',
    begin: (pair) => {
      pair.tellPayee({ kind: 'close' });
      pair.hand();
    },
    sides: BOTH,
  },
  {
    name: 'an agreed end',
    begin: (pair) => {
      assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
      pair.hand();
    },
    sides: BOTH,
  },
  {
    name: 'a refund',
    begin: (pair) => {
      pair.pass(pair.expiry - pair.tip, ['payer']);
    },
    sides: ['payer'],
  },
];

for (const contract of contractsOn(dogecoinRegtest)) {
  // The chain does not know one contract from another: one of them is tried at every depth.
  const depths = contract === contracts[0] ? DEPTHS : DEPTHS.filter((depth) => depth % 20 === 3 || depth >= buried - 1);
  const opened = (life = 180): MinedPair => {
    const pair = new MinedPair(regtest, { contract, life }).openMined(1_000n);
    pair.pay(pair.money(400n));
    return pair;
  };

  describe(`${contract.id}: blocks that are taken back`, () => {
    test('a funding that is in no block any more pauses the channel, whatever its depth was, and it goes on when that is deep again', () => {
      for (const depth of depths.filter((one) => one >= 3)) {
        const pair = opened(240);
        pair.pass(depth - 3);
        reorganise(pair, depth);
        assert.deepEqual([pair.payeeState().kind, pair.payerState().kind], ['paused', 'open'], `${depth}`);
        assertRefused(pair.pay(pair.money(401n)), 'funding-reorganised');
        pair.pass(2);
        assert.equal(pair.payeeState().kind, 'paused', 'not deep enough yet');
        pair.mine(1);
        assert.equal(pair.payeeState().kind, 'open');
        assert.equal(pair.pay(pair.money(402n)).kind, 'receipt');
      }
    });

    test('a reorganisation that leaves the funding in a block changes nothing', () => {
      const pair = opened(300);
      pair.pass(60);
      for (const depth of depths) {
        const [payer, payee] = [pair.payer, pair.payee];
        reorganise(pair, depth);
        pair.pass(depth);
        assert.deepEqual([pair.payer, pair.payee], [payer, payee]);
      }
    });

    for (const { name, begin, sides: all } of stages) {
      // What a close holds is the payee's long after the close is buried.
      const sides = name === 'a close' && contract.revocation !== undefined ? all.filter((side) => side === 'payer') : all;
      test(`${name} is sent until it is buried, whatever the depth at which its block is taken back`, () => {
        for (const depth of depths.filter((one) => one < buried)) {
          const pair = opened();
          begin(pair);
          pair.pass(depth, sides);
          reorganise(pair, depth, sides);
          // A refund waits for the expiry again.
          pair.pass(name === 'a refund' ? Math.max(0, pair.expiry - pair.tip) : 0, sides);
          pair.pass(1, sides);
          pair.pass(buried - 2, sides);
          for (const side of sides) assert.equal(endOf(pair, side), undefined, `${depth}`);
          pair.mine(1, sides);
          for (const side of sides) {
            const [how, got = 0n] = endOf(pair, side) ?? assert.fail(`${depth}: the ${side} goes on`);
            assert.equal(how, name === 'a refund' ? 'refunded' : 'closed');
            const least = name === 'a refund' ? 999n : side === 'payer' ? 599n : 399n;
            const fee = name !== 'a refund' && side === 'payer' ? pair.fixedFee : 0n;
            assert.ok(got >= pair.money(least) - fee && got <= pair.money(least + 1n) - fee, `${side}: ${got}`);
          }
        }
      });
    }
  });
}
