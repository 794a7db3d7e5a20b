import assert from 'node:assert/strict';
import { after as afterAll, before, describe, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount, MAX_AMOUNT } from '../src/core/base/amount.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { presignedRefund } from '../src/core/contract/presigned-refund.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { verifyPortable as verify } from '../src/core/tx/sign.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms, type MerchantTerms } from '../src/merchant/terms.ts';
import { memoryStore } from '../src/store/memory.ts';
import { type HttpServer, serveMerchant } from '../src/transport/http/serve.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
const refused = z.object({ error: z.string(), advice: z.string(), facts: z.record(z.string(), z.string()) });
const address = z.object({ address: z.string() });
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
  assert.equal((await cli.run('payer', 'wallet', 'init')).code, 0);
  const { out } = await cli.run('payer', 'wallet', 'address');
  for (let coins = 0; coins < 4; coins++) cli.regtest.fund(address.parse(out).address, amount(20n * DOGE));
  cli.regtest.mine(1);
});

afterAll(() => cli.close());

/** A merchant that asks for what it likes. */
async function serve(alter: Partial<MerchantTerms>): Promise<HttpServer> {
  const merchant = openMerchant({
    ...{ chain: asChain(cli.regtest), verify, clock: { now: Date.now }, random, store: memoryStore(), prices: new Map() },
    keys: seedKeyRing(coin, random.bytes(32), fastestSigner()),
    identity: random.bytes(16),
    terms: { ...defaultTerms(coin), ...alter },
    payeeScript: scriptOf(coin, cli.regtest.newAddress()) ?? assert.fail(),
  });
  await merchant.engine.follower.poll();
  return serveMerchant(merchant, { onError: (error) => assert.fail(String(error)) });
}

describe('an offer that asks for too much: nothing is deposited before the owner agrees', () => {
  const cases: readonly (readonly [term: string, terms: Partial<MerchantTerms>, flag: string, most?: string])[] = [
    ['lifetime', { minLifetime: 9_000_000, maxLifetime: 9_100_000 }, '--blocks', '9000010'],
    ['closingMargin', { minLifetime: 6_000, closingMargin: 5_000 }, '--max-margin', '5000'],
    ['depth', { depth: [{ upTo: MAX_AMOUNT, blocks: 5_000_000 }] }, '--max-depth', '5000000'],
    ['minDeposit', { minDeposit: amount(12n * DOGE) }, '--deposit', '12'],
    ['expiryIn', defaultTerms(coin, presignedRefund), '--signed-refund'],
  ];
  for (const [term, terms, flag, most] of cases) {
    test(`${term}, by ${flag}`, async () => {
      const shop = await serve(terms);
      try {
        const open = ['open', shop.url, '--deposit', '10', '--no-wait'];
        const { code, out } = await cli.run('payer', ...open);
        assert.equal(code, 1);
        const { error, advice, facts } = refused.parse(out);
        assert.deepEqual([error, facts['term']], ['offer-excessive', term]);
        assert.ok(advice.includes(flag), advice);
        assert.deepEqual(cli.regtest.mempool(), []);
        assert.equal((await cli.run('payer', ...open, flag, ...(most === undefined ? [] : [most]))).code, 0);
        assert.equal(cli.regtest.mempool().length, 1);
        cli.regtest.mine(1);
      } finally {
        await shop.close();
      }
    });
  }
});
