import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { height, lockTime } from '../src/core/base/height.ts';
import { cltvTime } from '../src/core/contract/cltv.ts';
import { channelIdOf } from '../src/core/contract/contract.ts';
import { paymentOf } from '../src/core/message/bitcoinj/payment.ts';
import { proofFor } from '../src/core/message/key-proof.ts';
import { httpConnection } from '../src/transport/http/client.ts';
import { connectTcp } from '../src/transport/tcp/connect.ts';
import { CommandLine } from './command-line.ts';
import { BitcoinjPayer } from './world/bitcoinj-payer.ts';
import { must } from './world/sample.ts';

const DOGE = 100_000_000n;
const TEA = DOGE / 10n;
let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

test('one total at both doors of a merchant that runs, ten times: no more is delivered than was paid', async () => {
  const words = ['--listen', '127.0.0.1:0', '--bitcoinj', ':0', '--price', 'tea=0.1', '--unconfirmed', '5', '--exposure', '50'];
  const shop = await cli.serve('shop', 'merchant', ...words);
  const { url, bitcoinj } = z.object({ url: z.string(), bitcoinj: z.int() }).parse(await shop.up);
  const http = httpConnection(url);
  const line = await connectTcp('127.0.0.1', bitcoinj);
  const payer = new BitcoinjPayer(line, {
    coin: cli.regtest.coin,
    key: 1,
    major: 2,
    cut: () => undefined,
    served: Promise.resolve(),
    fund: (script, value) => cli.regtest.faucet.prepare([{ value, script }]) ?? assert.fail('the faucet is empty'),
  });
  const initiate = await payer.ask();
  const channel = payer.prepare(initiate, 10n * DOGE);
  const first = DOGE / 2n;
  await payer.say(payer.contractOf(channel, first));
  await payer.hears('channel-open');
  const terms = { payerKey: payer.signer.publicKey, payeeKey: initiate.payeeKey, expiry: lockTime(initiate.expiry) };
  const id = channelIdOf(cli.regtest.coin, cltvTime.redeemScript(terms));
  let byTcp = 0n;
  for (let round = 1n; round <= 10n; round++) {
    const total = first + round * TEA;
    const payment = must(paymentOf(payer.signed(channel, total), channel.capacity));
    const [answer, receipt] = await Promise.all([
      payer.pay(channel, total, new TextEncoder().encode('tea')),
      http.exchange({ kind: 'payment', channel: id, payment }),
    ]);
    assert.ok(receipt.kind === 'receipt' && receipt.total === total, JSON.stringify(receipt.kind));
    if (new TextDecoder().decode(answer) === 'tea for 0.1') byTcp += TEA;
    const state = must(
      await http.exchange({
        kind: 'state-request',
        channel: id,
        proof: proofFor('state-request', id, height(cli.regtest.tip.height), payer.signer),
      }),
    );
    assert.ok(state.kind === 'state');
    const credit = total - state.spent;
    assert.ok(state.best?.total === total && byTcp + credit === total - first, `${byTcp} delivered and ${credit} left of ${total}`);
  }
  await line.close();
});
