import assert from 'node:assert/strict';
import type { MineOptions, Outcome, Regtest } from '../../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../../src/core/base/amount.ts';
import { equalBytes } from '../../src/core/base/bytes.ts';
import type { Height } from '../../src/core/base/height.ts';
import type { Spend } from '../../src/core/channel/deposit-view.ts';
import { allDeposits } from '../../src/core/channel/payer-state.ts';
import type { Deposit } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Signer } from '../../src/core/tx/sign.ts';
import { encodeTransaction, outpointKey, sameOutpoint, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import { MachinePair } from './machine-pair.ts';
import { PacedChain } from './paced-chain.ts';
import { must, type SampleTerms } from './sample.ts';

const LIFE = 180;

export type Side = 'payer' | 'payee';

/** Payer and payee without an engine, on an embedded chain: each look gives them its view, and it gets what they broadcast. */
export class MinedPair extends MachinePair {
  readonly regtest: Regtest;
  /** What the chain said to each broadcast, in order. */
  readonly outcomes: Outcome['kind'][] = [];
  readonly #paced: PacedChain;
  readonly #from: Height;
  #handed = 0;

  /** Expires so many blocks from the tip, 180 unless given. */
  constructor(regtest: Regtest, { life = LIFE, ...options }: Omit<SampleTerms, 'expiry' | 'coin'> & { readonly life?: number } = {}) {
    const { height } = regtest.tip;
    const paced = new PacedChain(regtest);
    const expiry = paced.lockIn((options.contract ?? contracts[0]).expiresBy, life);
    super({ ...options, coin: regtest.coin, expiry }, { minExpiry: expiry, maxExpiry: expiry });
    this.regtest = regtest;
    this.#paced = paced;
    this.#from = height;
  }

  /** An accepted channel with mined deposits of so many times dust. */
  openMined(...dusts: readonly bigint[]): this {
    this.tip = this.regtest.tip.height;
    this.create();
    const script = this.terms.contract.outputScript(this.terms);
    for (const times of dusts) {
      const value = this.money(times);
      const { transaction, txid } = this.regtest.fund(script, value) ?? assert.fail('the faucet is empty');
      const deposit = { outpoint: { txid, vout: 0 }, value };
      must(this.tellPayer({ kind: 'fund', deposits: [deposit], transaction: encodeTransaction(transaction) }));
    }
    assert.equal(this.exchange({ kind: 'announce' }).kind, 'provisional');
    must(this.tellPayer({ kind: 'launch' }));
    this.#handed = this.broadcasts.length;
    this.mine(3, []);
    assert.equal(this.exchange({ kind: 'announce' }).kind, 'accepted');
    return this;
  }

  /** The block that the expiry comes with. */
  get expiry(): Height {
    return this.#paced.opensAt(this.terms.expiry);
  }

  override get medianTime(): number {
    return this.#paced.now.medianTime;
  }

  money(dusts: bigint): Amount {
    return amount(this.terms.coin.policy.dust * dusts);
  }

  /** So many times the coin's own rate. */
  rate(factor: bigint): Amount {
    return amount(this.terms.coin.policy.feeRate * factor);
  }

  /** Mines block by block, and lets these look after each. */
  mine(blocks: number, sides: readonly Side[] = ['payer', 'payee'], options: MineOptions = {}): void {
    for (let i = 0; i < blocks; i++) {
      this.#paced.mine(1, options);
      this.look(sides);
    }
  }

  /** Mines all of them before these look. */
  pass(blocks: number, sides: readonly Side[] = ['payer', 'payee']): void {
    this.#paced.mine(blocks);
    this.look(sides);
  }

  mineTo(height: number, sides?: readonly Side[], options?: MineOptions): void {
    this.mine(height - this.regtest.tip.height, sides, options);
  }

  look(sides: readonly Side[]): void {
    this.read();
    for (const side of sides) {
      must(side === 'payer' ? this.tellPayer(this.view()) : this.tellPayee(this.view()));
      this.hand();
      this.read();
    }
  }

  /** Hands the chain what was broadcast since. */
  hand(): void {
    for (const transaction of this.broadcasts.slice(this.#handed)) this.outcomes.push(this.regtest.broadcast(transaction).kind);
    this.#handed = this.broadcasts.length;
  }

  /** Takes over what the chain says of the deposits. */
  read(): void {
    this.tip = this.regtest.tip.height;
    this.chain.clear();
    this.spends.clear();
    for (const deposit of allDeposits(this.payerState())) this.#readDeposit(deposit);
  }

  #readDeposit({ outpoint }: Deposit): void {
    const output = this.regtest.output(outpoint);
    const key = outpointKey(outpoint);
    if (output !== undefined) this.chain.set(key, { kind: 'unspent', ...output, isImmature: false });
    const spend = this.#spendOf(outpoint);
    if (spend !== undefined) this.spends.set(key, { kind: 'spent', ...spend });
  }

  #spendOf(outpoint: Deposit['outpoint']): Omit<Spend, 'kind'> | undefined {
    const waiting = this.regtest.pool.spenderOf(outpoint);
    if (waiting !== undefined) {
      const cost = this.regtest.waiting(waiting.txid);
      return { transaction: waiting.transaction, depth: 0, ...(cost && { cost }) };
    }
    for (let at: number = this.tip; at > this.#from; at--) {
      const spender = this.regtest
        .block(at)
        ?.transactions.find(({ transaction }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
      if (spender !== undefined) return { transaction: spender.transaction, depth: this.tip - at + 1 };
    }
    return undefined;
  }

  /** The height of the block that spent a deposit. */
  minedAt({ outpoint }: Deposit): number {
    const depth = this.#spendOf(outpoint)?.depth ?? 0;
    return depth === 0 ? assert.fail('not mined') : this.tip - depth + 1;
  }

  /** Gives this side the key of a P2PKH script. */
  holds(...keys: readonly Signer[]): void {
    this.keyOf = (script) => keys.find(({ publicKey }) => equalBytes(p2pkh(publicKey), script));
  }

  /** Different transactions that were broadcast and spend a deposit. */
  versions(): readonly Transaction[] {
    const deposits = allDeposits(this.payerState());
    const all = this.broadcasts.filter(({ inputs }) =>
      inputs.some((input) => deposits.some(({ outpoint }) => sameOutpoint(outpoint, input.outpoint))),
    );
    return [...new Map(all.map((one) => [transactionId(one), one])).values()];
  }
}
