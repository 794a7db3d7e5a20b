import assert from 'node:assert/strict';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount, MAX_AMOUNT, ZERO } from '../src/core/base/amount.ts';
import { equalBytes } from '../src/core/base/bytes.ts';
import { height } from '../src/core/base/height.ts';
import type { ActivePayee } from '../src/core/channel/payee-state.ts';
import { payeeSnapshot } from '../src/core/channel/snapshot.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { type Contract, channelIdOf, type Deposit, type Terms } from '../src/core/contract/contract.ts';
import { contracts } from '../src/core/contract/registry.ts';
import type { Chain, KeyRing, Store } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { type Merchant, type MerchantOptions, openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { memoryStore } from '../src/store/memory.ts';
import { keyNumber, must, payeeScript, sampleTerms } from './world/sample.ts';

const verifier = await fastestVerifier();
const cltv: Contract = contracts[1] ?? contracts[0];
/** Fundings in a block: a faucet pays each out of a coin of its own. */
const IN_A_BLOCK = 20;

export interface CrowdOptions {
  readonly coin?: Coin;
  /** Of each deposit, all of it paid. */
  readonly value?: Amount;
  /** Height at which all of them expire. */
  readonly expiry?: number;
  /** What all closes pay to. */
  readonly script?: Uint8Array;
  /** How many of them, the first ones, count deposits that are not deep enough. */
  readonly shallow?: number;
}

/** Channels that are paid to the last unit, each on a deposit of its own in the chain, in the store of a merchant that has not started. */
export interface Crowd {
  readonly regtest: Regtest;
  readonly states: readonly ActivePayee[];
  readonly keys: KeyRing;
  readonly open: (chain: Chain, more?: Partial<MerchantOptions>) => Merchant;
}

export async function crowd(count: number, options: CrowdOptions = {}): Promise<Crowd> {
  const { coin = dogecoinRegtest, value = amount(coin.policy.dust * 100n), expiry = 3_000, script = payeeScript, shallow = 0 } = options;
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_400);
  const keys = { signer: (name: string) => keyNumber(1_000 + Number(name)) };
  const payerKey = (i: number): ReturnType<typeof keyNumber> => keyNumber(2_000 + i);
  const states: ActivePayee[] = [];
  for (let i = 0; i < count; i++) {
    const own = { payeeKey: keys.signer(`${i}`).publicKey, payerKey: payerKey(i).publicKey, payeeScript: script };
    const terms: Terms = { ...sampleTerms({ coin, contract: cltv, expiry: height(expiry) }), ...own };
    const { txid, transaction } = regtest.fund(cltv.outputScript(terms), value) ?? assert.fail('the faucet is empty');
    const vout = transaction.outputs.findIndex((output) => equalBytes(output.script, cltv.outputScript(terms)));
    const deposits: readonly Deposit[] = [{ outpoint: { txid, vout }, value }];
    const channel = channelIdOf(coin, cltv.redeemScript(terms));
    const receipt = { kind: 'receipt', channel, total: value, spent: value, capacity: value } as const;
    const best = { ...must(cltv.sign(terms, deposits, value, payerKey(i))), receipt };
    const limits = { maxDeposit: value, depth: [{ upTo: MAX_AMOUNT, blocks: i < shallow ? 100 : 1 }], unconfirmed: value };
    const backing = i < shallow ? { backing: { backed: ZERO } } : {};
    states.push({ kind: 'open', channel, terms, keyName: `${i}`, deposits, limits, spent: value, best, ...backing });
    if (i % IN_A_BLOCK === IN_A_BLOCK - 1) regtest.mine(1);
  }
  regtest.mine(2);
  const store: Store = memoryStore();
  await store.commit(
    states.map((state) => ({ kind: 'payee-channel', id: state.channel, expected: 0, value: payeeSnapshot.encode(state) })),
  );
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
  const common = {
    keys,
    store,
    verify: verifier.verify,
    clock: Date,
    random,
    prices: new Map(),
    payeeScript: script,
    identity: new Uint8Array(16),
  };
  const open = (chain: Chain, more: Partial<MerchantOptions> = {}): Merchant =>
    openMerchant({ ...common, chain, terms: defaultTerms(coin, cltv), ...more });
  return { regtest, states, keys, open };
}
