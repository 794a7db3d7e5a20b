import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type FakeAnswer, type FakeNode, fakeNode } from '../../test/world/fake-node.ts';
import { coreRpc } from '../chain/core-rpc.ts';
import { amount } from '../core/base/amount.ts';
import { bytesToHex, channelId, type TxId, txId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/state-machine.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import { p2pkh } from '../core/tx/script.ts';
import { signer } from '../core/tx/sign.ts';
import { encodeTransaction, type Outpoint, type Transaction, transactionId } from '../core/tx/transaction.ts';
import { memoryStore } from '../store/memory.ts';
import { seedKeyRing } from '../wallet/keyring.ts';
import { openWallet } from '../wallet/wallet.ts';
import { type Follower, follower } from './chain-follower.ts';
import type { WatchedOutputs } from './channel-role.ts';
import type { MempoolReading } from './mempool-reader.ts';
import type { ReadingProgress } from './ports.ts';

const CROWD = 20_000;
const TIP = 1_000;
const id = channelId('01'.repeat(32));
const key = signer(new Uint8Array(32).fill(9));
const deposit: Outpoint = { txid: txId('ab'.repeat(32)), vout: 0 };
const watch: WatchedOutputs = {
  terms: {
    coin,
    contract: cltvMultisig,
    payerKey: key.publicKey,
    payeeKey: key.publicKey,
    expiry: height(9_000),
    closingMargin: 120,
    signing: { kind: 'flexible', slot: 0 },
    payeeScript: p2pkh(key.publicKey),
  },
  deposits: [{ outpoint: deposit, value: amount(100_000_000n) }],
  sources: [],
  deadline: height(8_000),
  isPending: false,
};

function spendOf(outpoint: Outpoint): Transaction {
  const outputs = [{ value: amount(100_000_000n), script: p2pkh(key.publicKey) }];
  return { version: 1, inputs: [{ outpoint, script: new Uint8Array(107), sequence: 0xffff_ffff }], outputs, lockTime: 0 };
}

const close = spendOf(deposit);
const strangers = Array.from({ length: CROWD - 1 }, (_, i) => spendOf({ txid: txId(`d${i.toString(16).padStart(63, '0')}`), vout: 0 }));
const mempool = new Map<TxId, Transaction>([...strangers, close].map((transaction) => [transactionId(transaction), transaction]));

const hashAt = (at: number): string => (at === 0 ? coin.genesis : at.toString(16).padStart(64, 'b'));
const stated = (txid: TxId, isVerbose: boolean): FakeAnswer => {
  const transaction = mempool.get(txid);
  if (transaction === undefined) return { code: -5, message: 'No such mempool transaction' };
  const hex = bytesToHex(encodeTransaction(transaction));
  return JSON.stringify(isVerbose ? { txid, hex, version: 1, locktime: 0, vin: [], vout: [] } : hex);
};
const unspent = `{"bestblock":"${hashAt(TIP)}","confirmations":50,"value":1.00000000,"scriptPubKey":{"hex":"51"},"coinbase":false}`;

/** A node with a crowded mempool, in which one transaction closes the channel or does not. */
async function crowded(isClosed: boolean): Promise<FakeNode> {
  const list = JSON.stringify([...mempool.keys()].slice(0, isClosed ? CROWD : CROWD - 1));
  const answers: Readonly<Record<string, (first: unknown, second: unknown) => FakeAnswer>> = {
    getblockchaininfo: () => `{"blocks":${TIP},"headers":${TIP},"bestblockhash":"${hashAt(TIP)}","mediantime":0}`,
    getblockhash: (at) => `"${hashAt(Number(at))}"`,
    getblock: (hash) =>
      `{"hash":"${hash}","height":${Number.parseInt(String(hash).replace(/^b+/, ''), 16)},"confirmations":1,"previousblockhash":"${hashAt(1)}","tx":[]}`,
    getrawmempool: () => list,
    getrawtransaction: (txid, isVerbose) => stated(txId(String(txid)), isVerbose === true),
    gettxout: () => (isClosed ? 'null' : unspent),
    estimatesmartfee: () => '{"feerate":-1,"blocks":2}',
  };
  const node = await fakeNode((method, [first, second]) => answers[method]?.(first, second) ?? { code: -32601, message: method });
  after(node.close);
  return node;
}

async function looked(
  node: FakeNode,
  mempool: MempoolReading,
  onProgress?: ReadingProgress,
): Promise<{ readonly follow: Follower; readonly views: ChainView[] }> {
  const views: ChainView[] = [];
  const follow = follower(
    coreRpc(coin, { url: node.url }),
    memoryStore(),
    {
      all: async function* () {
        yield [id, watch];
      },
      observe: async (_, view) => views.push(view) > 0,
    },
    { now: () => 0 },
    { mempool, onProgress },
  );
  await follow.poll();
  return { follow, views };
}

const kindOf = (view: ChainView | undefined) => [...(view?.deposits.values() ?? [])].map(({ kind }) => kind);
const asked = (node: FakeNode, method: string): number => node.requests.flat().filter((each) => each === method).length;

describe(`a mempool of ${CROWD} transactions`, () => {
  test('is not read by a command whose deposits are all there', async () => {
    const node = await crowded(false);
    const { views } = await looked(node, 'when-missing');
    assert.deepEqual(kindOf(views.at(-1)), ['unspent']);
    assert.deepEqual([asked(node, 'getrawmempool'), asked(node, 'getrawtransaction')], [0, 0]);
    assert.ok(node.requests.length < 20, `${node.requests.length} requests`);
  });

  test('is read by a command when a deposit is missing, many at a time, and shows what spends it; once', async () => {
    const node = await crowded(true);
    const { follow, views } = await looked(node, 'when-missing');
    assert.deepEqual(kindOf(views.at(-1)), ['spent']);
    // The deposit's own transaction is looked for as well.
    const first = asked(node, 'getrawtransaction');
    assert.ok(first >= CROWD && first <= CROWD + 5, `${first}`);
    assert.ok(node.requests.length <= CROWD / 20, `${node.requests.length} requests`);
    await follow.poll();
    assert.ok(asked(node, 'getrawtransaction') <= first + 5);
  });

  test('is read by what runs on with a twentieth of the requests, saying how far it is, and then never again', async () => {
    const node = await crowded(false);
    const told: string[] = [];
    const { follow } = await looked(node, 'always', (what, done, total) => told.push(`${what} ${done}/${total}`));
    const steps = Array.from({ length: CROWD / 25 }, (_, i) => `mempool ${25 * i}/${CROWD - 1}`);
    assert.deepEqual(told, [...steps, `mempool ${CROWD - 1}/${CROWD - 1}`]);
    assert.equal(asked(node, 'getrawtransaction'), CROWD - 1);
    assert.ok(node.requests.length <= CROWD / 20, `${node.requests.length} requests`);
    await follow.poll();
    assert.equal(asked(node, 'getrawtransaction'), CROWD - 1);
    assert.equal(told.length, steps.length + 1);
  });

  test('costs a wallet a few dozen requests', async () => {
    const node = await crowded(false);
    const keys = seedKeyRing(coin, new Uint8Array(32).fill(1));
    const wallet = await openWallet({ chain: coreRpc(coin, { url: node.url }), store: memoryStore(), keys });
    await wallet.sync();
    assert.equal(asked(node, 'getrawtransaction'), 500);
    assert.ok(node.requests.length < 50, `${node.requests.length} requests`);
  });
});
