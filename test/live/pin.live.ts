import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { coreRpc } from '../../src/chain/core-rpc.ts';
import { type Amount, amount, feeFor } from '../../src/core/base/amount.ts';
import { equalBytes } from '../../src/core/base/bytes.ts';
import { CHILD_BYTES } from '../../src/core/contract/cpfp.ts';
import { addressOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import type { Chain } from '../../src/engine/ports.ts';
import { heavyChild, lightChildren, type Pinned, spend } from '../world/pins.ts';
import { keyNumber } from '../world/sample.ts';
import { type LiveNode, nodeKinds, startNode, whyWithout } from './node.ts';

const thief = keyNumber(901);
const payee = keyNumber(902);
/** What a family takes beside its parent. */
const CHILDREN = 24;

/** What a node makes of a transaction with two outputs, and of what is built on either. */
for (const kind of nodeKinds) {
  describe(`what pins a transaction, on ${kind}`, { skip: whyWithout(kind) ?? false }, () => {
    let started: LiveNode | undefined;
    const node = (): LiveNode => started ?? assert.fail(`${kind} has not started`);
    const chain = (): Chain => coreRpc(node().coin, { url: node().rpcUrl, auth: node().auth });
    before(async () => {
      started = await startNode(kind);
    });
    after(() => started?.stop());

    interface Waiting {
      readonly parent: Transaction;
      readonly fee: Amount;
      readonly thiefs: Pinned;
      /** A small child of the payee's, at so many times the coin's rate. */
      readonly own: (factor: bigint) => Transaction;
      /** The parent once more, which pays so much. */
      readonly raised: (fee: bigint) => Transaction;
    }

    const waiting = async (): Promise<Waiting> => {
      const { coin, fund, mine } = node();
      const { policy } = coin;
      const value = policy.dust * 2_000n;
      const txid = await fund(addressOf(coin, p2pkh(thief.publicKey)) ?? assert.fail(), amount(value));
      await mine(1);
      const outputs = (await chain().transaction(txid))?.transaction.outputs ?? [];
      const vout = outputs.findIndex(({ script }) => equalBytes(script, p2pkh(thief.publicKey)));
      const raised = (fee: bigint): Transaction =>
        spend({ txid, vout }, thief, [
          { value: value / 2n, script: p2pkh(thief.publicKey) },
          { value: value - value / 2n - fee, script: p2pkh(payee.publicKey) },
        ]);
      const fee = feeFor(230, policy.feeRate);
      const parent = raised(fee);
      assert.deepEqual(await chain().broadcast(parent), { kind: 'accepted' });
      const outpoint = { txid: transactionId(parent), vout: 1 };
      const own = (factor: bigint): Transaction =>
        spend(outpoint, payee, [
          { value: value - value / 2n - fee - feeFor(CHILD_BYTES, policy.feeRate) * factor, script: p2pkh(payee.publicKey) },
        ]);
      return { parent, fee, thiefs: { transaction: parent, vout: 0, owner: thief }, own, raised };
    };
    const tiny = (): bigint => feeFor(200, node().coin.policy.minRelayFeeRate);
    const takes = async (transaction: Transaction): Promise<boolean> => (await chain().broadcast(transaction)).kind === 'accepted';
    const takenOf = async (children: readonly Transaction[]): Promise<number> => {
      let taken = 0;
      for (const child of children) taken += (await takes(child)) ? 1 : 0;
      return taken;
    };

    test('a child of the payee’s that was there first stays, and has one place less for others', async () => {
      const { thiefs, own } = await waiting();
      const child = own(1n);
      assert.ok(await takes(child));
      assert.equal(await takenOf(lightChildren(thiefs, { count: CHILDREN, fee: tiny() })), CHILDREN - 1);
      assert.ok((await chain().mempool()).includes(transactionId(child)));
    });

    test('a full family takes one small child more where the coin has room to spare, and none where it has not', async () => {
      const { policy } = node().coin;
      const { thiefs, own } = await waiting();
      assert.equal(await takenOf(lightChildren(thiefs, { count: CHILDREN, fee: tiny() })), CHILDREN);
      assert.equal(await takes(own(50n)), policy.family.spare > 0);
    });

    test('control: half a family leaves room for it', async () => {
      const { thiefs, own } = await waiting();
      assert.equal(await takenOf(lightChildren(thiefs, { count: CHILDREN / 2, fee: tiny() })), CHILDREN / 2);
      assert.ok(await takes(own(1n)));
    });

    test('a raise has to pay for a large child too, as the node says itself; and nothing does where nothing is replaced', async () => {
      const { policy } = node().coin;
      const { parent, fee, thiefs, raised } = await waiting();
      const burden = amount(policy.feeRate * 40n);
      assert.ok(await takes(heavyChild(thiefs, { bytes: 29_700, fee: burden })));
      assert.equal((await chain().waiting(transactionId(parent)))?.burden, burden);
      const own = feeFor(230, policy.minRelayFeeRate);
      assert.ok(!(await takes(raised(fee + burden - 1n))), 'less than both');
      assert.equal(await takes(raised(fee + burden + own)), policy.replacement !== 'never');
    });
  });
}
