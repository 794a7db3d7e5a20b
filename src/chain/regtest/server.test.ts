import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { hexOf, list, member, ownedBy, purseScript, spend, testKey, UNIT } from '../../../test/regtest/world.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { addressOf } from '../../core/tx/address.ts';
import { p2pkh } from '../../core/tx/script.ts';
import { createRegtest, type Regtest } from './regtest.ts';
import { coinsOf, type Json, writeJson } from './rpc-json.ts';
import { parseFixed } from './rpc-params.ts';
import { type RegtestServer, type ServeOptions, serveRegtest } from './server.ts';

const START = 1_700_000_000;
const coins = [dogecoinRegtest, litecoinRegtest] as const;

interface Reply {
  readonly status: number;
  readonly text: string;
}

interface Served {
  readonly regtest: Regtest;
  readonly server: RegtestServer;
  readonly post: (body: string, headers?: Readonly<Record<string, string>>) => Promise<Reply>;
  readonly call: (method: string, ...params: readonly unknown[]) => Promise<Reply>;
  /** The result, or the error as `code: message`. */
  readonly ask: (method: string, ...params: readonly unknown[]) => Promise<unknown>;
}

async function served(t: TestContext, coin: Coin, options: ServeOptions = {}): Promise<Served> {
  const regtest = createRegtest({ coin, now: () => START * 1000 });
  const server = await serveRegtest(regtest, options);
  t.after(() => server.close());
  const post: Served['post'] = async (body, headers = {}) => {
    const response = await fetch(server.url, { method: 'POST', body, headers });
    return { status: response.status, text: await response.text() };
  };
  const call: Served['call'] = (method, ...params) => post(JSON.stringify({ id: 7, method, params }));
  const ask: Served['ask'] = async (method, ...params) => {
    const body: unknown = JSON.parse((await call(method, ...params)).text);
    const error = member(body, 'error');
    return error === null ? member(body, 'result') : `${String(member(error, 'code'))}: ${String(member(error, 'message'))}`;
  };
  return { regtest, server, post, call, ask };
}

const addressFor = (coin: Coin, n: number): string => addressOf(coin, p2pkh(testKey(n).publicKey)) ?? '';

describe('HTTP, as both nodes speak it', () => {
  test('a result has no jsonrpc field; an error has status 500, an unknown method 404', async (t) => {
    const { call } = await served(t, dogecoinRegtest);
    assert.deepEqual(await call('getblockcount'), { status: 200, text: '{"result":0,"error":null,"id":7}\n' });
    assert.deepEqual(await call('nonsense'), {
      status: 404,
      text: '{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":7}\n',
    });
    assert.deepEqual(await call('getblockhash', 1), {
      status: 500,
      text: '{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":7}\n',
    });
    assert.equal((await call('toString')).status, 404);
  });

  test('a list of calls is answered by a list, with status 200 whatever is in it', async (t) => {
    const { post } = await served(t, dogecoinRegtest);
    const { status, text } = await post('[{"id":1,"method":"getblockcount"},{"id":2,"method":"no"},5]');
    assert.equal(status, 200);
    const answers = list(JSON.parse(text)).map((one) => [member(one, 'id'), member(one, 'result'), member(one, 'error')]);
    assert.deepEqual(answers, [
      [1, 0, null],
      [2, null, { code: -32601, message: 'Method not found' }],
      [null, null, { code: -32600, message: 'Invalid Request object' }],
    ]);
  });

  test('what is no call is an error, not a crash', async (t) => {
    const { post, call } = await served(t, dogecoinRegtest);
    const code = async (body: string): Promise<unknown> => {
      const { status, text } = await post(body);
      return [status, member(member(JSON.parse(text), 'error'), 'code')];
    };
    assert.deepEqual(await code('{'), [500, -32700]);
    assert.deepEqual(await code('5'), [500, -32700]);
    assert.deepEqual(await code('{}'), [400, -32600]);
    assert.deepEqual(await code('{"method":5}'), [400, -32600]);
    assert.deepEqual(await code('{"method":"getblockcount","params":5}'), [400, -32600]);
    assert.deepEqual(await code('{"method":"getblockcount","params":[1]}'), [500, -1]);
    assert.deepEqual(await code('{"method":"getblockhash","params":{"height":0}}'), [500, -1]);
    assert.equal((await call('getblockcount')).status, 200);
  });

  test('credentials, when they are set', async (t) => {
    const { post } = await served(t, dogecoinRegtest, { user: 'much', password: 'secret' });
    const body = '{"method":"getblockcount"}';
    const basic = (text: string): Record<string, string> => ({ authorization: `Basic ${btoa(text)}` });
    assert.deepEqual(await post(body), { status: 401, text: '' });
    assert.deepEqual(await post(body, basic('much:wrong')), { status: 401, text: '' });
    assert.equal((await post(body, basic('much:secret'))).status, 200);
  });

  test('only POST, and not more than 4 MB', async (t) => {
    const { server, post, call } = await served(t, dogecoinRegtest);
    assert.equal((await fetch(server.url)).status, 405);
    assert.equal((await post(' '.repeat(4 * 1024 * 1024 + 1))).status, 413);
    const stream = new ReadableStream({
      start(controller): void {
        for (let i = 0; i < 5; i++) controller.enqueue(new Uint8Array(1024 * 1024));
        controller.close();
      },
    });
    const chunked = await fetch(server.url, { method: 'POST', body: stream, duplex: 'half' });
    assert.equal(chunked.status, 413);
    assert.equal((await call('getblockcount')).status, 200);
    assert.equal((await post(`${' '.repeat(4 * 1024 * 1024 - 40)}{"method":"getblockcount"}`)).status, 200);
  });

  test('stop answers, then ends; close may come twice', async (t) => {
    const { server, call, ask } = await served(t, dogecoinRegtest);
    assert.equal(await ask('uptime'), 0);
    assert.match((await call('stop')).text, /stopping/);
    await server.closed;
    await server.close();
    await assert.rejects(call('getblockcount'));
  });

  test('a port that is taken is an error', async (t) => {
    const { server, regtest } = await served(t, dogecoinRegtest);
    await assert.rejects(serveRegtest(regtest, { port: server.port }), /EADDRINUSE/);
  });
});

describe('amounts', () => {
  test('are printed as the text of a number, beyond what a JavaScript number holds', async (t) => {
    const { regtest, call } = await served(t, dogecoinRegtest);
    regtest.mine(dogecoinRegtest.coinbaseMaturity + 300, { payTo: purseScript });
    const coinbases = Array.from({ length: 290 }, (_, i) => regtest.block(i + 1)?.transactions[0]?.transaction);
    const owned = coinbases.map((coinbase) => ownedBy(coinbase ?? assert.fail(), 0));
    const tx = spend(owned, [{ value: 9_007_199_312_345_679n, script: purseScript }]);
    assert.equal(regtest.broadcast(tx, { maxFee: 0n }).kind, 'accepted');
    const { text } = await call('gettxout', ownedBy(tx, 0).outpoint.txid, 0);
    assert.ok(text.includes('"value":90071993.12345679,'), text);
  });

  test('are written with eight decimals', () => {
    for (const [units, text] of [
      [0n, '0.00000000'],
      [1n, '0.00000001'],
      [150_000_000n, '1.50000000'],
      [10n ** 18n, '10000000000.00000000'],
    ] as const) {
      assert.equal(coinsOf(units).text, text);
    }
  });

  test('are read from numbers and strings, exactly or not at all', () => {
    for (const [text, units] of [
      ['1.5', 150_000_000n],
      ['1e-8', 1n],
      ['1E2', 10_000_000_000n],
      ['90071993.12345679', 9_007_199_312_345_679n],
      ['0.00000000000', 0n],
      ['-1', -100_000_000n],
      ['0.000000001', undefined],
      ['1e-9', undefined],
      ['1.', undefined],
      ['.5', undefined],
      ['01', undefined],
      ['+1', undefined],
      ['', undefined],
      ['1e999', undefined],
    ] as const) {
      assert.equal(parseFixed(text), units, text);
    }
  });

  test('the id of a call comes back as it was written', async (t) => {
    const { post } = await served(t, dogecoinRegtest);
    for (const id of ['9007199254740993', '"a \\"quoted\\" one"', '1e3', 'null']) {
      assert.equal((await post(`{"method":"getblockcount","id":${id}}`)).text, `{"result":0,"error":null,"id":${id}}\n`);
    }
  });

  test('answers nest', () => {
    const answer: Json = { a: [coinsOf(1n), { b: null, 'c"': true }], d: 'x', e: -1 };
    assert.equal(writeJson(answer), '{"a":[0.00000001,{"b":null,"c\\"":true}],"d":"x","e":-1}');
  });
});

describe('the calls', () => {
  for (const coin of coins) {
    const isDogecoin = coin.name === 'Dogecoin';

    test(`${coin.id}: blocks, by hash and height, in every depth of detail`, async (t) => {
      const { regtest, ask } = await served(t, coin);
      const hashes = list(await ask('generatetoaddress', 3, addressFor(coin, 0)));
      assert.equal(hashes.length, 3);
      const [, second = ''] = hashes.map(String);
      assert.equal(await ask('getblockhash', 0), coin.genesis);
      assert.equal(await ask('getblockhash', 2), second);
      assert.equal(await ask('getbestblockhash'), hashes[2]);
      const header = await ask('getblockheader', second);
      assert.equal(member(header, 'confirmations'), 2);
      assert.equal(member(header, 'nextblockhash'), hashes[2]);
      assert.equal(member(header, 'previousblockhash'), hashes[0]);
      assert.equal(member(header, 'versionHex'), isDogecoin ? '00620004' : '20000000');
      assert.equal(String(await ask('getblockheader', second, false)).length, 160);
      const hex = String(await ask('getblock', second, 0));
      assert.ok(hex.startsWith(String(await ask('getblockheader', second, false))));
      const txid = regtest.block(2)?.transactions[0]?.txid;
      assert.deepEqual(member(await ask('getblock', second), 'tx'), [txid]);
      assert.deepEqual(member(await ask('getblock', second, isDogecoin ? true : 1), 'tx'), [txid]);
      const [detailed] = list(member(await ask('getblock', second, 2), 'tx'));
      assert.equal(member(detailed, 'txid'), txid);
      assert.equal(member(member(list(member(detailed, 'vout'))[0], 'scriptPubKey'), 'type'), 'pubkeyhash');
      assert.equal(await ask('getblock', 'ab'.repeat(32)), '-5: Block not found');
      assert.equal(await ask('getblock', 'ab'), "-8: blockhash must be of length 64 (not 2, for 'ab')");
      assert.match(String(await ask('getblock', 'zz'.repeat(32))), /^-8: blockhash must be hexadecimal string/);
      assert.equal(await ask('getblock'), '-1: getblock "blockhash" ( verbosity )');
      assert.equal(await ask('getblockhash', '1'), '-1: JSON value is not an integer as expected');
    });

    test(`${coin.id}: the state of the chain`, async (t) => {
      const { regtest, ask } = await served(t, coin);
      regtest.mine(1_251);
      const info = await ask('getblockchaininfo');
      assert.equal(member(info, 'chain'), 'regtest');
      assert.equal(member(info, 'blocks'), 1_251);
      assert.equal(member(info, 'bestblockhash'), regtest.tip.hash);
      assert.equal(member(info, 'initialblockdownload'), false);
      const forks = member(info, 'softforks');
      if (isDogecoin) {
        const status = list(forks).map((fork) => [member(fork, 'id'), member(member(fork, 'reject'), 'status')]);
        assert.deepEqual(status, [
          ['bip34', false],
          ['bip66', true],
          ['bip65', false],
        ]);
        assert.equal(member(member(member(info, 'bip9_softforks'), 'csv'), 'status'), 'started');
      } else {
        const active = ['bip66', 'bip65', 'csv', 'segwit'].map((id) => member(member(forks, id), 'active'));
        assert.deepEqual(active, [true, false, true, true]);
      }
    });

    test(`${coin.id}: outputs and transactions, in the mempool and mined`, async (t) => {
      const { regtest, ask } = await served(t, coin);
      await ask('generatetoaddress', coin.coinbaseMaturity + 1, addressFor(coin, 0));
      const from = ownedBy(regtest.block(1)?.transactions[0]?.transaction ?? assert.fail(), 0);
      const tx = spend(
        [from],
        [
          { value: UNIT, script: purseScript },
          { value: from.output.value - UNIT - UNIT / 100n, script: purseScript },
        ],
      );
      const { txid } = ownedBy(tx, 0).outpoint;
      assert.equal(await ask('sendrawtransaction', hexOf(tx)), txid);
      assert.deepEqual(await ask('getrawmempool'), [txid]);
      assert.equal(member(member(await ask('getrawmempool', true), txid), 'fee'), 0.01);
      assert.equal(await ask('getrawtransaction', txid), hexOf(tx));
      assert.equal(member(await ask('gettxout', txid, 0), 'confirmations'), 0);
      assert.equal(await ask('gettxout', txid, 0, false), null);
      assert.equal(await ask('gettxout', from.outpoint.txid, 0), null, 'spent in the mempool');
      assert.equal(member(await ask('gettxout', from.outpoint.txid, 0, false), 'coinbase'), true);
      const [hash = ''] = regtest.mine(1);
      const output = await ask('gettxout', txid, 0);
      assert.equal(member(output, 'confirmations'), 1);
      assert.equal(member(output, 'bestblock'), hash);
      assert.equal(member(output, 'version'), isDogecoin ? 2 : undefined);
      assert.deepEqual(member(member(output, 'scriptPubKey'), 'addresses'), [addressFor(coin, 0)]);
      if (isDogecoin) assert.equal(await ask('getrawtransaction', txid), hexOf(tx));
      else {
        assert.match(
          String(await ask('getrawtransaction', txid)),
          /^-5: No such mempool transaction. Use -txindex or provide a block hash/,
        );
        assert.equal(await ask('getrawtransaction', txid, false, hash), hexOf(tx));
        assert.match(
          String(await ask('getrawtransaction', txid, false, regtest.block(1)?.hash)),
          /^-5: No such transaction found in the provided/,
        );
      }
      const verbose = await ask('getrawtransaction', txid, true, ...(isDogecoin ? [] : [hash]));
      assert.equal(member(verbose, 'confirmations'), 1);
      assert.equal(member(verbose, 'blockhash'), hash);
      assert.match(String(await ask('getrawtransaction', 'ab'.repeat(32))), /^-5: No such mempool transaction/);
      assert.equal(await ask('gettxout', 'ab'.repeat(32), 0), null);
    });

    test(`${coin.id}: taking blocks back`, async (t) => {
      const { ask } = await served(t, coin);
      const [first = '', second = ''] = list(await ask('generatetoaddress', 2, addressFor(coin, 0))).map(String);
      assert.equal(await ask('invalidateblock', second), null);
      assert.equal(await ask('getbestblockhash'), first);
      assert.equal(member(await ask('getblockheader', second), 'confirmations'), -1);
      assert.equal(await ask('reconsiderblock', second), null);
      assert.equal(await ask('getbestblockhash'), second);
      assert.equal(await ask('invalidateblock', 'ab'.repeat(32)), '-5: Block not found');
    });

    test(`${coin.id}: the faucet, by the names of a wallet`, async (t) => {
      const { ask, call } = await served(t, coin);
      if (isDogecoin) assert.match(String(await ask('createwallet', 'w')), /^-32601/);
      else assert.deepEqual(await ask('createwallet', 'w'), { name: 'w', warning: '' });
      const own = String(await ask('getnewaddress'));
      assert.notEqual(await ask('getnewaddress'), own);
      assert.equal(await ask('sendtoaddress', addressFor(coin, 3), 1), '-6: Insufficient funds');
      await ask('generatetoaddress', coin.coinbaseMaturity + 1, own);
      const whole = isDogecoin ? 1_000_000 : 100;
      assert.match((await call('getbalance')).text, new RegExp(`"result":${whole}.00000000,`));
      const txid = String(await ask('sendtoaddress', addressFor(coin, 3), '1.23456789'));
      assert.equal(member(await ask('gettxout', txid, 0), 'value'), 1.23456789);
      assert.match(txid, /^[0-9a-f]{64}$/);
      assert.equal(await ask('sendtoaddress', 'nonsense', 1), `-5: Invalid ${coin.name} address${isDogecoin ? '' : ': nonsense'}`);
      const nothing = isDogecoin ? '-3: Invalid amount for send' : '-6: Transaction amount too small';
      assert.equal(await ask('sendtoaddress', addressFor(coin, 3), 0), nothing);
      assert.equal(await ask('sendrawtransaction', 5), '-3: Expected type string, got number');
      assert.equal(await ask('sendtoaddress', addressFor(coin, 3), -1), '-3: Amount out of range');
      assert.equal(await ask('sendtoaddress', addressFor(coin, 3), '1.123456789'), '-3: Invalid amount');
      assert.equal(await ask('sendtoaddress', addressFor(coin, 3), true), '-3: Amount is not a number or string');
    });

    test(`${coin.id}: fees, limits and the clock`, async (t) => {
      const { regtest, ask } = await served(t, coin);
      const info = await ask('getnetworkinfo');
      assert.equal(member(info, 'relayfee'), isDogecoin ? 0.001 : 0.00001);
      assert.deepEqual([member(info, 'softdustlimit'), member(info, 'harddustlimit')], isDogecoin ? [0.01, 0.001] : [undefined, undefined]);
      if (isDogecoin) {
        assert.equal(await ask('estimatefee', 6), -1);
        assert.deepEqual(await ask('estimatesmartfee', 6), { feerate: -1, blocks: 6 });
        assert.equal(list(await ask('generate', 2)).length, 2);
        assert.match(String(await ask('generateblock', 'x', [])), /^-32601/);
      } else {
        assert.match(String(await ask('estimatefee', 6)), /^-32601/);
        assert.deepEqual(await ask('estimatesmartfee', 6), { errors: ['Insufficient data or no feerate found'], blocks: 6 });
        assert.match(String(await ask('generate', 2)), /^-32601/);
      }
      regtest.mine(11);
      assert.equal(await ask('setmocktime', START + 5_000), null);
      regtest.mine(1);
      assert.equal(member(await ask('getblockheader', regtest.tip.hash), 'time'), START + 5_000);
      assert.equal(await ask('setmocktime', 0), null);
      regtest.mine(1);
      assert.ok(Number(member(await ask('getblockheader', regtest.tip.hash), 'time')) < START + 100);
    });
  }

  test('generateblock mines exactly what it is given, past all policy', async (t) => {
    const { regtest, ask } = await served(t, litecoinRegtest);
    const to = addressFor(litecoinRegtest, 0);
    await ask('generatetoaddress', 103, to);
    const [one, two, three] = [1, 2, 3].map((height) => ownedBy(regtest.block(height)?.transactions[0]?.transaction ?? assert.fail(), 0));
    assert.ok(one && two && three);
    const free = spend([one], [one.output]);
    assert.match(String(await ask('sendrawtransaction', hexOf(free))), /^-26: min relay fee not met/);
    const waiting = spend([two], [{ ...two.output, value: two.output.value - 100_000n }]);
    const left = spend([three], [{ ...three.output, value: three.output.value - 100_000n }]);
    const { txid } = ownedBy(waiting, 0).outpoint;
    await ask('sendrawtransaction', hexOf(waiting));
    await ask('sendrawtransaction', hexOf(left));
    const mined = String(member(await ask('generateblock', to, [hexOf(free), txid]), 'hash'));
    assert.equal(list(member(await ask('getblock', mined), 'tx')).length, 3);
    assert.deepEqual(await ask('getrawmempool'), [ownedBy(left, 0).outpoint.txid]);
    assert.equal(await ask('generateblock', to, [hexOf(free)]), '-25: TestBlockValidity failed: bad-txns-BIP30');
    const again = spend([one], [{ ...one.output, value: 1n }]);
    assert.equal(await ask('generateblock', to, [hexOf(again)]), '-25: TestBlockValidity failed: bad-txns-inputs-missingorspent');
    assert.equal(await ask('generateblock', to, [txid]), `-5: Transaction ${txid} not in mempool.`);
    assert.match(String(await ask('generateblock', to, ['00'])), /^-22: Transaction decode failed/);
    assert.match(String(await ask('generateblock', 'nowhere', [])), /^-5: Error: Invalid address/);
  });

  test('a strict server refuses what peers would drop, a plain one takes it', async (t) => {
    for (const [relay, expected] of [
      ['peer', /^-26: 66: rate limited free transaction$/],
      ['local', /^[0-9a-f]{64}$/],
    ] as const) {
      const { regtest, ask } = await served(t, dogecoinRegtest, { relay });
      regtest.mine(100, { payTo: purseScript });
      const from = ownedBy(regtest.block(1)?.transactions[0]?.transaction ?? assert.fail(), 0);
      assert.match(String(await ask('sendrawtransaction', hexOf(spend([from], [from.output])))), expected);
    }
  });
});
