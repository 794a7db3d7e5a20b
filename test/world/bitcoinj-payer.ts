import assert from 'node:assert/strict';
import { type Amount, amount } from '../../src/core/base/amount.ts';
import type { TxId } from '../../src/core/base/bytes.ts';
import { lockTime } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { cltvTime } from '../../src/core/contract/cltv.ts';
import { presignedRefund } from '../../src/core/contract/presigned-refund.ts';
import { decodeBitcoinj } from '../../src/core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../../src/core/message/bitcoinj/encode.ts';
import type { BitcoinjMessage, Initiate, ProvideContract, ProvideRefund, Update } from '../../src/core/message/bitcoinj/message.ts';
import { p2pkh, p2sh } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../src/core/tx/sign.ts';
import { decodeTransaction, encodeTransaction, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import type { Line } from '../../src/engine/ports.ts';
import { keyNumber } from './sample.ts';

const NOTHING = new Uint8Array();
/** What bitcoinj asks for when it is not told otherwise. */
const FIRST = amount(1_000n);

export interface PayerChannel {
  readonly major: number;
  readonly contract: Transaction;
  readonly txid: TxId;
  readonly redeemScript: Uint8Array;
  readonly capacity: Amount;
  readonly expiry: number;
}

export interface BitcoinjPayerOptions {
  readonly coin: Coin;
  readonly key: number;
  /** The version that it speaks. */
  readonly major: number;
  /** Breaks the line. */
  readonly cut: () => void;
  /** Settles when the other side has left the line. */
  readonly served: Promise<void>;
  /** A signed transaction whose first output is this. */
  readonly fund: (script: Uint8Array, value: Amount) => Transaction;
}

/** A client that signs as bitcoinj does, by its own reckoning, and says whatever a test likes. */
export class BitcoinjPayer {
  readonly served: Promise<void>;
  readonly cut: () => void;
  /** Signs for the channel key. */
  readonly signer: Signer;
  readonly #major: number;
  readonly #line: Line;
  readonly #fund: BitcoinjPayerOptions['fund'];
  readonly #frames: AsyncIterator<Uint8Array>;

  constructor(line: Line, { key, major, cut, served, fund }: BitcoinjPayerOptions) {
    this.#line = line;
    this.served = served;
    this.cut = cut;
    this.signer = keyNumber(1_000 + key);
    this.#major = major;
    this.#fund = fund;
    this.#frames = line.frames[Symbol.asyncIterator]();
  }

  say(...messages: readonly BitcoinjMessage[]): Promise<unknown> {
    return Promise.all(messages.map((message) => this.#line.send(encodeBitcoinj(message))));
  }

  sayBytes(bytes: Uint8Array): Promise<void> {
    return this.#line.send(bytes);
  }

  /** The next message; undefined when there will be none. */
  async hear(): Promise<BitcoinjMessage | undefined> {
    const { value, done } = await this.#frames.next();
    if (done === true) {
      await this.#line.close();
      return undefined;
    }
    const message = decodeBitcoinj(value);
    return isRefusal(message) ? assert.fail(message.message) : message;
  }

  async hears<Kind extends BitcoinjMessage['kind']>(kind: Kind): Promise<Extract<BitcoinjMessage, { kind: Kind }>> {
    const message = await this.hear();
    assert.equal(
      message?.kind,
      kind,
      JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    );
    return message as Extract<BitcoinjMessage, { kind: Kind }>;
  }

  /** Fails unless an error of this code ends the connection. */
  async hearsError(code: string): Promise<string> {
    const error = await this.hears('error');
    assert.equal(error.code, code, error.explanation);
    assert.equal(await this.hear(), undefined);
    return error.explanation ?? '';
  }

  /** Fails unless a CLOSE ends the connection; returns the settlement that it brings. */
  async hearsClose(): Promise<Transaction | undefined> {
    const { settlement } = await this.hears('close');
    assert.equal(await this.hear(), undefined);
    return settlement && (decodeTransaction(settlement) ?? assert.fail('the settlement is no transaction'));
  }

  async greet(hello: { readonly window?: number; readonly previous?: TxId; readonly major?: number } = {}): Promise<void> {
    const { major = this.#major, ...rest } = hello;
    await this.say({ kind: 'client-version', major, minor: 0, ...rest });
    assert.equal((await this.hears('server-version')).major, major);
  }

  /** Asks for a new channel. */
  async ask(window?: number): Promise<Initiate> {
    await this.greet(window === undefined ? {} : { window });
    return this.hears('initiate');
  }

  /** What a channel of these terms is made of; nothing is said. */
  prepare({ payeeKey, expiry }: Initiate, capacity: bigint): PayerChannel {
    const payerKey = this.signer.publicKey;
    const isHashed = this.#major === 2;
    const redeemScript = isHashed
      ? cltvTime.redeemScript({ payerKey, payeeKey, expiry: lockTime(expiry) })
      : presignedRefund.redeemScript({ payerKey, payeeKey });
    const contract = this.#fund(isHashed ? p2sh(redeemScript) : redeemScript, amount(capacity));
    return { major: this.#major, contract, txid: transactionId(contract), redeemScript, capacity: amount(capacity), expiry };
  }

  /** Version 1: the refund that bitcoinj has signed before it shows the contract. */
  refundOf({ txid, capacity, expiry }: PayerChannel, altered: Partial<Transaction> = {}): ProvideRefund {
    const input = { outpoint: { txid, vout: 0 }, script: NOTHING, sequence: 0xffff_fffe };
    const outputs = [{ value: capacity - 1_000n, script: p2pkh(this.signer.publicKey) }];
    const refund = encodeTransaction({ version: 1, inputs: [input], outputs, lockTime: expiry, ...altered });
    return { kind: 'provide-refund', payerKey: this.signer.publicKey, refund };
  }

  contractOf(channel: PayerChannel, first: bigint = FIRST): ProvideContract {
    const { contract } = channel;
    const initial = this.signed(channel, first);
    const key = this.#major === 2 ? { payerKey: this.signer.publicKey } : {};
    return { kind: 'provide-contract', contract: encodeTransaction(contract), initial, ...key };
  }

  /** Has the refund of a channel signed where its version asks for that. */
  async secure(channel: PayerChannel): Promise<Uint8Array | undefined> {
    if (channel.major === 2) return undefined;
    await this.say(this.refundOf(channel));
    return (await this.hears('return-refund')).signature;
  }

  /** Makes a channel, and hears that it is open. */
  async open(capacity: bigint, first: bigint = FIRST): Promise<PayerChannel> {
    const channel = this.prepare(await this.ask(), capacity);
    await this.secure(channel);
    await this.say(this.contractOf(channel, first));
    await this.hears('channel-open');
    return channel;
  }

  /** Goes on with a channel. */
  async resume({ txid }: PayerChannel): Promise<void> {
    await this.greet({ previous: txid });
    await this.hears('channel-open');
  }

  /** What bitcoinj signs for a total: its change at the contract's first output and nothing else, in a transaction that can't be replaced. */
  signed({ txid, redeemScript, capacity }: PayerChannel, total: bigint, info?: Uint8Array): Update {
    const change = amount(capacity - total);
    const outputs = change > 0n ? [{ value: change, script: p2pkh(this.signer.publicKey) }] : [];
    const input = { outpoint: { txid, vout: 0 }, script: NOTHING, sequence: 0xffff_ffff };
    const hashType = SIGHASH.ANYONECANPAY | (change > 0n ? SIGHASH.SINGLE : SIGHASH.NONE);
    const digest = signatureHash({ version: 1, inputs: [input], outputs, lockTime: 0 }, 0, redeemScript, hashType);
    return { change, signature: encodeSignature(this.signer.sign(digest), hashType), ...(info && { info }) };
  }

  update(channel: PayerChannel, total: bigint, info?: Uint8Array): Extract<BitcoinjMessage, { kind: 'update-payment' }> {
    return { kind: 'update-payment', ...this.signed(channel, total, info) };
  }

  /** Pays up to a total, and hears the acknowledgement; returns what came with it. */
  async pay(channel: PayerChannel, total: bigint, info?: Uint8Array): Promise<Uint8Array | undefined> {
    await this.say(this.update(channel, total, info));
    return (await this.hears('payment-ack')).info;
  }

  /** Asks to settle; returns what does. */
  async settle(): Promise<Transaction | undefined> {
    await this.say({ kind: 'close' });
    return this.hearsClose();
  }

  hangUp(): Promise<void> {
    return this.#line.close();
  }
}
