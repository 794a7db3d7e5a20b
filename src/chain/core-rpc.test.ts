import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { type FakeAnswer, type FakeNode, fakeNode } from '../../test/world/fake-node.ts';
import { bytesToHex, txId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import { dogecoin, dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { litecoin, litecoinRegtest } from '../core/coin/litecoin.ts';
import { transactionId } from '../core/tx/transaction.ts';
import { type Chain, type WorldCode, WorldError } from '../engine/ports.ts';
import { coreRpc } from './core-rpc.ts';

const recorded = (name: string): string => readFileSync(new URL(`../../test/golden/rpc/${name}.json`, import.meta.url), 'utf8').trim();
const litecoinBlock = recorded('litecoin-block');
const dogecoinBlock = recorded('dogecoin-block-0');
const HASH = 'ab'.repeat(32);
const TXID = txId('cd'.repeat(32));

type Answers = Readonly<Record<string, FakeAnswer | ((parameters: readonly unknown[]) => FakeAnswer)>>;

const opened: FakeNode[] = [];
afterEach(async () => {
  for (const node of opened.splice(0)) await node.close();
});

/** A node of `coin`'s chain with the given answers; a method without one is unknown to it. */
async function chainWith(coin: Coin, answers: Answers): Promise<{ chain: Chain; node: FakeNode }> {
  const node = await fakeNode((method, parameters) => {
    if (method === 'getblockhash' && parameters[0] === 0) return `"${coin.genesis}"`;
    const answer = answers[method] ?? { code: -32601, message: 'Method not found' };
    return typeof answer === 'function' ? answer(parameters) : answer;
  });
  opened.push(node);
  return { chain: coreRpc(coin, { url: node.url }), node };
}

const fails =
  (code: WorldCode, message: RegExp) =>
  (error: unknown): boolean => {
    assert(error instanceof WorldError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.notEqual(error.hint, '');
    return true;
  };

/** What Dogecoin Core 1.14 says of the same block: no hex of the transactions, no word of extension blocks. */
const withoutHex = (text: string): string => text.replaceAll(/\],"hex":"[0-9a-f]*"\}/g, ']}').replaceAll('"ismweb":false,', '');

test('a node of another chain is refused, and asked again until it is the right one', async () => {
  let genesis = dogecoinRegtest.genesis;
  const node = await fakeNode((method) => (method === 'getblockhash' ? `"${genesis}"` : '[]'));
  opened.push(node);
  const chain = coreRpc(litecoinRegtest, { url: node.url });
  await assert.rejects(chain.mempool(), fails('node-wrong-chain', /not on litecoin-regtest/));
  await assert.rejects(chain.mempool(), fails('node-wrong-chain', /not on litecoin-regtest/));
  assert(!node.requests.flat().includes('getrawmempool'));
  genesis = litecoinRegtest.genesis;
  assert.deepEqual(await chain.mempool(), []);
  assert.deepEqual(await chain.mempool(), []);
  assert.equal(node.requests.flat().filter((method) => method === 'getblockhash').length, 3);
});

test('after a silence the chain is checked again: another node may be there', async () => {
  const up = (genesis: string) => (method: string) => (method === 'getblockhash' ? `"${genesis}"` : '[]');
  const starting = (): FakeAnswer => ({ code: -28, message: 'Verifying blocks...' });
  let answer: (method: string) => FakeAnswer = up(litecoinRegtest.genesis);
  const node = await fakeNode((method) => answer(method));
  opened.push(node);
  const chain = coreRpc(litecoinRegtest, { url: node.url });
  assert.deepEqual(await chain.mempool(), []);
  answer = starting;
  await assert.rejects(chain.mempool(), fails('node-down', /starting/));
  answer = up(dogecoinRegtest.genesis);
  await assert.rejects(chain.mempool(), fails('node-wrong-chain', /litecoin-regtest/));
});

test('tip: height and hash of the best block', async () => {
  const { chain } = await chainWith(litecoinRegtest, { getblockchaininfo: recorded('litecoin-getblockchaininfo') });
  assert.deepEqual(await chain.tip(), { height: 435, hash: 'fc7f6bc67011f3683091b1bbc6508ac281bd4f5a76881970219077762983f009' });
});

test('tip: a node that is catching up knows no tip, but on regtest it does', async () => {
  const info = `{"blocks":5,"headers":900,"bestblockhash":"${HASH}","mediantime":1700000000,"initialblockdownload":true}`;
  const { chain } = await chainWith(dogecoin, { getblockchaininfo: info });
  await assert.rejects(chain.tip(), fails('node-behind', /at block 5 of 900/));
  const tip = { height: 5, hash: HASH };
  assert.deepEqual(await chain.status(), { tip, headers: 900, medianTime: 1_700_000_000_000, isCatchingUp: true });
  const regtest = await chainWith(dogecoinRegtest, { getblockchaininfo: info });
  assert.deepEqual(await regtest.chain.tip(), { height: 5, hash: HASH });
});

test('block: one that a pruning node has deleted is said to be that, in whatever words the node refuses it', async () => {
  const info = (rest: string) => `{"blocks":900,"headers":900,"bestblockhash":"${HASH}","mediantime":1700000000${rest}}`;
  const refusing = async (message: string, rest: string) => {
    const { chain } = await chainWith(dogecoin, { getblock: { code: -1, message }, getblockchaininfo: info(rest) });
    return chain.block(height(0));
  };
  for (const message of ['Block not available (pruned data)', 'Block not found on disk', "Can't read block from disk", 'Blok verwijderd']) {
    for (const [rest, hint] of [
      [',"pruned":true,"pruneheight":700', /keeps all blocks.* recover --birthday 760\.$/],
      [',"pruned":true', /keeps all blocks[^.]*\.$/],
    ] as const) {
      await assert.rejects(refusing(message, rest), (error) => {
        assert.ok(error instanceof WorldError && fails('node-pruned', /deleted block 0/)(error));
        return hint.test(error.hint);
      });
    }
    for (const rest of ['', ',"pruned":false', ',"pruned":true,"pruneheight":0'])
      await assert.rejects(refusing(message, rest), fails('node-refused', new RegExp(message.replace(/[()]/g, '.'))));
  }
});

test("block: Dogecoin's first, from its fields alone", async () => {
  const { chain } = await chainWith(dogecoin, { getblock: dogecoinBlock });
  const block = await chain.block(height(0));
  assert.equal(block?.previous, '0'.repeat(64));
  const [coinbase] = block?.transactions ?? [];
  assert.equal(coinbase?.txid, '5b2a3f53f605d62c53e62932dac6925e3d74afa5a4b459745c36d42d0ed26a69');
  assert.deepEqual(coinbase.transaction.inputs[0]?.outpoint, { txid: '0'.repeat(64), vout: 0xffff_ffff });
  assert.equal(coinbase.transaction.outputs[0]?.value, 8_800_000_000n);
});

test('block: the same transactions from hex and from fields, a coinbase with witness and an extension block among them', async () => {
  const answers = { getblockhash: `"${HASH}"` };
  const full = await chainWith(litecoinRegtest, { ...answers, getblock: litecoinBlock });
  const bare = await chainWith(litecoinRegtest, { ...answers, getblock: withoutHex(litecoinBlock) });
  const block = await full.chain.block(height(432));
  assert.equal(block?.transactions.length, 3);
  for (const { txid, transaction } of block.transactions) assert.equal(transactionId(transaction), txid);
  assert.deepEqual(await bare.chain.block(height(432)), block);
  assert.equal(block.previous, '4a30a30bf209cbd681a70b433cc81202b6ea0f6733eee0a98d5a9c2e83820106');
  assert.deepEqual(full.node.lastParameters('getblock'), [HASH, 2]);
});

test('block: a transaction that does not give its id is not believed', async () => {
  const lie = withoutHex(litecoinBlock).replace('12.49995180', '12.49995181');
  const { chain } = await chainWith(litecoinRegtest, { getblockhash: `"${HASH}"`, getblock: lie });
  await assert.rejects(chain.block(height(432)), fails('node-refused', /gives the id 4c418cb3/));
});

test('block: none above the tip', async () => {
  const { chain } = await chainWith(dogecoinRegtest, { getblockhash: { code: -8, message: 'Block height out of range' } });
  assert.equal(await chain.block(height(9)), undefined);
});

test('block: one that leaves the best chain between two calls is asked for again', async () => {
  let moved = true;
  const { chain, node } = await chainWith(dogecoin, {
    getblockhash: `"${HASH}"`,
    getblock: () => {
      const block = moved ? dogecoinBlock.replace('"confirmations":5000000', '"confirmations":-1') : dogecoinBlock;
      moved = false;
      return block;
    },
  });
  assert.equal((await chain.block(height(7)))?.transactions.length, 1);
  assert.equal(node.requests.flat().filter((method) => method === 'getblock').length, 2);
});

test('output: value, script, depth and origin; spent or unknown is none', async () => {
  const { chain, node } = await chainWith(litecoinRegtest, {
    gettxout: ([txid]) => (txid === TXID ? recorded('litecoin-gettxout') : 'null'),
  });
  const found = await chain.output({ txid: TXID, vout: 3 });
  assert.deepEqual(node.lastParameters('gettxout'), [TXID, 3, true]);
  assert.deepEqual(
    { ...found, script: bytesToHex(found?.script ?? new Uint8Array()) },
    {
      value: 2_500_000_000n,
      script: '76a9145f58ee440f7e28b12e0bd9a04c755ff3ccc7188688ac',
      depth: 207,
      coinbase: true,
    },
  );
  assert.equal(await chain.output({ txid: txId('00'.repeat(32)), vout: 0 }), undefined);
});

test('output: an amount beyond what a JavaScript number holds is exact', async () => {
  const big = recorded('litecoin-gettxout').replace('25.00000000', '90071993.12345679');
  const { chain } = await chainWith(dogecoinRegtest, { gettxout: big });
  assert.equal((await chain.output({ txid: TXID, vout: 0 }))?.value, 9_007_199_312_345_679n);
});

const [, second] = JSON.parse(litecoinBlock).tx;
const raw = (more: object): string => JSON.stringify({ ...second, ...more });
const notFound: FakeAnswer = { code: -5, message: 'No such mempool transaction. Use -txindex …' };
const secondId = txId(second.txid);

test('transaction: in the mempool at depth 0, mined at its depth', async () => {
  for (const [more, depth] of [
    [{}, 0],
    [{ confirmations: 4, blockhash: HASH }, 4],
  ] as const) {
    const { chain, node } = await chainWith(dogecoinRegtest, { getrawtransaction: raw(more) });
    const found = await chain.transaction(secondId);
    assert.equal(found?.depth, depth);
    assert.equal(transactionId(found.transaction), secondId);
    assert.deepEqual(node.lastParameters('getrawtransaction'), [secondId, true]);
  }
});

test('unconfirmed: read from its bytes, as what a node prints of it may be many times as long', async () => {
  const { chain, node } = await chainWith(dogecoinRegtest, { getrawtransaction: JSON.stringify(second.hex) });
  const found = await chain.unconfirmed(secondId);
  assert.equal(found && transactionId(found), secondId);
  assert.deepEqual(node.lastParameters('getrawtransaction'), [secondId, false]);
});

test('unconfirmed: one that lives in an extension block as well is read as the node prints it; one that has gone is none', async () => {
  const { chain } = await chainWith(litecoinRegtest, {
    getrawtransaction: ([id, isVerbose]) =>
      id !== secondId ? notFound : isVerbose === true ? raw({ hex: undefined }) : '"02000000000801"',
  });
  const found = await chain.unconfirmed(secondId);
  assert.equal(found && transactionId(found), secondId);
  assert.equal(await chain.unconfirmed(TXID), undefined);
});

test('transaction: without an index it is found by an output that is still unspent', async () => {
  const { chain, node } = await chainWith(litecoinRegtest, {
    getrawtransaction: ([, , hash]) => (hash === HASH ? raw({ confirmations: 207, in_active_chain: true }) : notFound),
    gettxout: ([, vout]) => (vout === 2 ? recorded('litecoin-gettxout') : 'null'),
    getblockheader: '{"height":435,"confirmations":1}',
    getblockhash: ([at]) => (at === 229 ? `"${HASH}"` : { code: -8, message: 'Block height out of range' }),
  });
  assert.equal((await chain.transaction(secondId))?.depth, 207);
  // One request for the outputs, however many are tried.
  assert.equal(node.requests.filter((methods) => methods.includes('gettxout')).length, 1);
});

test('transaction: without an index, few outputs are asked for where one is named', async () => {
  for (const [vout, tried] of [
    [5, [5, 0, 1]],
    [1, [0, 1]],
  ] as const) {
    const { chain, node } = await chainWith(litecoinRegtest, { getrawtransaction: notFound, gettxout: 'null' });
    assert.equal(await chain.transaction(TXID, vout), undefined);
    const asked = node.requests.flat().filter((method) => method === 'gettxout');
    assert.equal(asked.length, tried.length);
    assert.deepEqual(node.lastParameters('gettxout'), [TXID, tried.at(-1), false]);
  }
});

test('transaction: a block that moves while it is looked for makes it start again', async () => {
  let asked = 0;
  const { chain } = await chainWith(litecoinRegtest, {
    getrawtransaction: ([, , hash]) => (hash === HASH && asked > 1 ? raw({ confirmations: 207 }) : notFound),
    gettxout: ([, vout]) => (vout === 0 ? recorded('litecoin-gettxout') : 'null'),
    getblockheader: () => `{"height":${434 + asked++}}`,
    getblockhash: `"${HASH}"`,
  });
  assert.equal((await chain.transaction(secondId))?.depth, 207);
  assert.equal(asked, 2);
});

test('transaction: unknown, or all spent, is none; so is one of the extension block alone', async () => {
  const unknown = await chainWith(litecoinRegtest, { getrawtransaction: notFound, gettxout: 'null' });
  assert.equal(await unknown.chain.transaction(TXID), undefined);
  const extension = await chainWith(litecoinRegtest, { getrawtransaction: recorded('litecoin-extension-transaction') });
  assert.equal(await extension.chain.transaction(txId('ae5d180123cf54f4830ca058107d4d10b689097a1b3fdbb9725db2cf325b9d2e')), undefined);
});

test('broadcast: hex and nothing else is sent; each answer is an outcome', async () => {
  const { chain: source } = await chainWith(litecoinRegtest, { getrawtransaction: raw({}) });
  const tx = (await source.transaction(secondId))?.transaction;
  assert(tx !== undefined);
  for (const [answer, outcome] of [
    [`"${secondId}"`, { kind: 'accepted' }],
    [{ code: -27, message: 'transaction already in block chain' }, { kind: 'already-mined' }],
    [
      { code: -26, message: '258: txn-mempool-conflict' },
      { kind: 'conflict', reason: '258: txn-mempool-conflict' },
    ],
    [
      { code: -25, message: 'Missing inputs' },
      { kind: 'missing-inputs', reason: 'Missing inputs' },
    ],
  ] as const) {
    const { chain, node } = await chainWith(dogecoinRegtest, { sendrawtransaction: answer });
    assert.deepEqual(await chain.broadcast(tx), outcome);
    assert.deepEqual(node.lastParameters('sendrawtransaction'), [second.hex]);
  }
  const { chain } = await chainWith(dogecoinRegtest, { sendrawtransaction: { code: -32603, message: 'disk error' } });
  await assert.rejects(chain.broadcast(tx), fails('node-refused', /sendrawtransaction: disk error \(-32603\)/));
});

test('feeRate: the estimate between the floor of the coin and a hundred times that', async () => {
  const rates: readonly (readonly [Coin, string, bigint])[] = [
    [dogecoin, '{"feerate":-1,"blocks":2}', 1_000_000n],
    [dogecoin, '{"feerate":0.00531911,"blocks":2}', 1_000_000n],
    [dogecoin, '{"feerate":0.02500001,"blocks":2}', 2_500_001n],
    [dogecoin, '{"feerate":3.5e2,"blocks":2}', 100_000_000n],
    [litecoin, '{"errors":["Insufficient data or no feerate found"],"blocks":2}', 10_000n],
    [litecoin, '{"feerate":0.00012345,"blocks":2}', 12_345n],
  ];
  for (const [coin, estimate, rate] of rates) {
    const { chain } = await chainWith(coin, { estimatesmartfee: estimate });
    assert.equal(await chain.feeRate(), rate, estimate);
  }
});

test('numbers that no transaction can hold are an answer that makes no sense, and no fault of ours', async () => {
  const block = recorded('dogecoin-block-0');
  const [before] = /"sequence":\d+/.exec(block) ?? [''];
  assert.notEqual(before, '');
  const shown = async (sequence: string) => {
    const { chain } = await chainWith(dogecoinRegtest, {
      getblockhash: `"${dogecoinRegtest.genesis}"`,
      getblock: block.replace(before, sequence),
    });
    return chain.block(height(0));
  };
  assert.equal((await shown(before))?.transactions.length, 1);
  for (const sequence of ['-1', '4294967296', '1e3', '9007199254740993']) {
    await assert.rejects(shown(`"sequence":${sequence}`), fails('node-refused', /getblock makes no sense/), sequence);
  }
});

test('an output is no less than zero blocks deep', async () => {
  const shown = async (confirmations: string) => {
    const { chain } = await chainWith(litecoinRegtest, {
      gettxout: recorded('litecoin-gettxout').replace('"confirmations":207', confirmations),
    });
    return chain.output({ txid: TXID, vout: 0 });
  };
  assert.equal((await shown('"confirmations":0'))?.depth, 0);
  await assert.rejects(shown('"confirmations":-1'), fails('node-refused', /gettxout makes no sense: confirmations/));
});

test('an answer of the wrong shape is not guessed at', async () => {
  const { chain } = await chainWith(litecoinRegtest, {
    getblockchaininfo: '{"blocks":"435"}',
    gettxout: recorded('litecoin-gettxout').replace('25.00000000', '-25.00000000'),
    getrawmempool: '["zz"]',
    getblockhash: '"abc"',
    estimatesmartfee: '7',
  });
  await assert.rejects(chain.tip(), fails('node-refused', /getblockchaininfo makes no sense: blocks/));
  await assert.rejects(chain.output({ txid: TXID, vout: 0 }), fails('node-refused', /gettxout makes no sense: value/));
  await assert.rejects(chain.mempool(), fails('node-refused', /getrawmempool/));
  await assert.rejects(chain.block(height(3)), fails('node-refused', /getblockhash/));
});

test('feeRate: whatever keeps a node from an estimate, the rate is the floor of the coin; a node that is away has none', async () => {
  const failing = [
    { code: -32603, message: 'Fee estimation disabled' },
    { code: -32601, message: 'Method not found' },
    { code: -8, message: 'Invalid conf_target' },
    '7',
    '{"feerate":"much","blocks":2}',
    'null',
  ];
  for (const estimatesmartfee of failing) {
    const { chain } = await chainWith(dogecoin, { estimatesmartfee });
    assert.equal(await chain.feeRate(), dogecoin.policy.feeRate, JSON.stringify(estimatesmartfee));
  }
  const { chain, node } = await chainWith(dogecoin, { estimatesmartfee: '{"feerate":1,"blocks":2}' });
  await node.close();
  await assert.rejects(chain.feeRate(), fails('node-down', /reached/));
});

test('a method that the node lacks is refused by name', async () => {
  const { chain } = await chainWith(litecoinRegtest, {});
  await assert.rejects(chain.mempool(), fails('node-refused', /refused getrawmempool: Method not found \(-32601\)/));
});
