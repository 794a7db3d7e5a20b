import assert from 'node:assert/strict';
import { type Amount, amount } from '../../../../src/core/base/amount.ts';
import type { TxId } from '../../../../src/core/base/bytes.ts';
import type { Height } from '../../../../src/core/base/height.ts';
import type { Coin } from '../../../../src/core/coin/coin.ts';
import { addressOf } from '../../../../src/core/tx/address.ts';
import { p2pkh } from '../../../../src/core/tx/script.ts';
import type { Signer } from '../../../../src/core/tx/sign.ts';
import { type Transaction, transactionId } from '../../../../src/core/tx/transaction.ts';
import type { Block, Broadcast, Chain } from '../../../../src/engine/ports.ts';
import { fastestSigner } from '../../../../src/engine/signer.ts';
import type { KeyOutput } from '../../../world/p2pkh.ts';

const signerOf = fastestSigner();

/** A regtest chain of its own, past the height where the coin's rules bind blocks, with a wallet that can pay. */
export interface ChainSubject {
  readonly chain: Chain;
  /** Mines blocks that were never mined before; pays the reward to the address when one is given. */
  readonly mine: (blocks: number, address?: string) => Promise<void>;
  /** Pays to an address; the transaction waits in the mempool. */
  readonly fund: (address: string, value: Amount) => Promise<TxId>;
  /** Takes a block and all above it off the best chain. */
  readonly invalidate: (hash: string) => Promise<void>;
}

export type Case = readonly [name: string, run: (world: World) => Promise<void>];

let keys = 1;

/** A chain with keys that nobody has used, and what a node is expected to say. */
export class World {
  readonly subject: ChainSubject;
  readonly coin: Coin;
  readonly chain: Chain;
  /** Far above dust on every coin, and small beside what the wallet has. */
  readonly value: Amount;

  constructor(subject: ChainSubject) {
    this.subject = subject;
    this.chain = subject.chain;
    this.coin = subject.chain.coin;
    this.value = amount(this.coin.policy.dust * 1000n);
  }

  /** A key nobody has used yet. */
  key(): Signer {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(28, keys++);
    return signerOf(bytes);
  }

  address(owner: Signer): string {
    return addressOf(this.coin, p2pkh(owner.publicKey)) ?? assert.fail('a P2PKH script has an address');
  }

  /** An output of a fresh key, still in the mempool. */
  async unconfirmed(value: Amount = this.value): Promise<KeyOutput> {
    const owner = this.key();
    const txid = await this.subject.fund(this.address(owner), value);
    const found = await this.chain.transaction(txid);
    const vout = found?.transaction.outputs.findIndex((output) => output.value === value) ?? -1;
    assert.notEqual(vout, -1);
    return { outpoint: { txid, vout }, value, owner };
  }

  async confirmed(value: Amount = this.value): Promise<KeyOutput> {
    const output = await this.unconfirmed(value);
    await this.subject.mine(1);
    return output;
  }

  async height(): Promise<Height> {
    return (await this.chain.tip()).height;
  }

  async block(at: Height): Promise<Block> {
    return (await this.chain.block(at)) ?? assert.fail(`no block ${at}`);
  }

  async accepts(tx: Transaction): Promise<void> {
    assert.deepEqual(await this.chain.broadcast(tx), { kind: 'accepted' });
  }

  async refuses(tx: Transaction, kind: Broadcast['kind']): Promise<void> {
    const outcome = await this.chain.broadcast(tx);
    assert.equal(outcome.kind, kind, JSON.stringify(outcome));
    assert('reason' in outcome && outcome.reason !== '');
  }
}

/** The first output of a transaction, paid to this key. */
export const outputOf = (tx: Transaction, owner: Signer): KeyOutput => {
  return { outpoint: { txid: transactionId(tx), vout: 0 }, value: amount(tx.outputs[0]?.value ?? 0n), owner };
};
