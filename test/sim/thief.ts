import { type Amount, amount } from '../../src/core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { termsOf } from '../../src/core/channel/payee-open.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { capacityOf, channelIdOf, type Deposit, type Payment, type Terms } from '../../src/core/contract/contract.ts';
import { proofFor } from '../../src/core/message/key-proof.ts';
import type { Announce, Pay, Request } from '../../src/core/message/message.ts';
import { p2pkh, script } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature, type Signature, type Signer } from '../../src/core/tx/sign.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { Connection, KeyRing } from '../../src/engine/ports.ts';
import { branchKeyName, branchNames } from '../../src/wallet/key-branch.ts';
import { chainTimeAt, isExpired, type SimChain } from './chain.ts';
import type { Chance } from './chance.ts';
import type { Process, Stage } from './stage.ts';

const OWN_KEYS = 24;
const { dust, feeRate } = coin.policy;

/** What a thief knows of a channel of its own. */
interface Mark {
  readonly terms: Terms;
  readonly announce: Announce;
  readonly signer: Signer;
  readonly payments: Pay[];
}

/** What pays in a channel. */
interface Purse {
  readonly channel: ChannelId;
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly signer: Signer;
  /** Where payments can be taken back: under which one is made, revoked or not. */
  readonly hash?: Uint8Array;
}

export type Trick =
  | 'replay'
  | 'same-total'
  | 'lower'
  | 'forged'
  | 'greedy'
  | 'twins'
  | 'cheap-end'
  | 'dropped'
  | 'early-refund'
  | 'late-refund'
  | 'two-doors'
  | 'stranger'
  | 'double-spend';

export const TRICKS: Readonly<Record<Trick, number>> = {
  replay: 2,
  'same-total': 3,
  lower: 1,
  forged: 2,
  greedy: 1,
  twins: 3,
  // In some worlds only.
  'two-doors': 0,
  stranger: 0,
  'cheap-end': 1,
  dropped: 1,
  'early-refund': 1,
  'late-refund': 3,
  'double-spend': 2,
};

/** Somebody with a payer's keys and everything that payer ever sent, who wants more than was paid for. */
export class Thief {
  readonly #stage: Stage;
  readonly #chance: Chance;
  readonly #chain: SimChain;
  readonly #keys: KeyRing;
  readonly #payee: Connection;
  readonly #sell: (pay: Pay) => void;
  readonly #process: Process = { name: 'thief', alive: true };
  readonly #marks = new Map<ChannelId, Mark>();

  /** @param sell hands a payment in where the payee sells increments as they come. */
  constructor(stage: Stage, chain: SimChain, keys: KeyRing, connect: (process: Process) => Connection, sell: (pay: Pay) => void) {
    this.#stage = stage;
    this.#chance = stage.chance;
    this.#chain = chain;
    this.#keys = keys;
    this.#payee = connect(this.#process);
    this.#sell = sell;
  }

  /** Listens on the line of the payer whose keys it has. */
  hear(request: Request): void {
    if (request.kind === 'announce') {
      const terms = termsOf(request);
      const own = this.#signerOf(terms.payerKey);
      const channel = channelIdOf(coin, terms.contract.redeemScript(terms));
      if (own !== undefined)
        this.#marks.set(channel, { terms, announce: request, signer: own, payments: this.#marks.get(channel)?.payments ?? [] });
    }
    if (request.kind === 'payment') this.#marks.get(request.channel)?.payments.push(request);
  }

  #signerOf(key: Uint8Array): Signer | undefined {
    const names = branchNames.flatMap((branch) => Array.from({ length: OWN_KEYS }, (_, i) => branchKeyName(coin, branch, i)));
    return names.map((name) => this.#keys.signer(name)).find(({ publicKey }) => equalBytes(publicKey, key));
  }

  play(trick: Trick): void {
    const [channel, mark] = this.#chance.pickAny([...this.#marks]) ?? [];
    if (channel === undefined || mark === undefined) return;
    if (trick === 'early-refund' || trick === 'late-refund') this.#refund(mark, trick === 'early-refund');
    else this.#stage.start(this.#process, trick, () => this.#talk(trick, channel, mark));
  }

  async #talk(trick: Trick, channel: ChannelId, { terms, announce, signer, payments }: Mark): Promise<unknown> {
    const { deposits } = announce;
    const old = this.#chance.pickAny(payments);
    const best = payments.reduce((most, { payment }) => (payment.total > most ? payment.total : most), 0n);
    const isRevocable = terms.contract.revocation !== undefined;
    const hash = isRevocable ? this.#chance.pickAny(payments)?.payment.hash : undefined;
    if (isRevocable && hash === undefined && isPaying(trick)) return undefined;
    const named = hash && { hash };
    const pay = (total: bigint, alter: (payment: Payment) => Payment, invoice?: string): Promise<unknown> =>
      this.#pay({ channel, terms, deposits, signer, ...named }, total, alter, invoice);
    const whole = (payment: Payment): Payment => payment;
    switch (trick) {
      case 'replay':
        return old && this.#payee.exchange(old);
      case 'same-total':
        return pay(best, whole, await this.#invoice(channel, signer));
      case 'lower':
        return pay(best - 3n * dust, whole, await this.#invoice(channel, signer));
      case 'forged':
        return pay(best + 50n * dust, bent, await this.#invoice(channel, signer));
      case 'greedy':
        return pay(capacityOf(deposits) + dust, whole, await this.#invoice(channel, signer));
      case 'twins': {
        const [one, other] = [await this.#invoice(channel, signer), await this.#invoice(channel, signer)];
        return Promise.all([one, other].map((invoice) => pay(best + 3n * dust, whole, invoice)));
      }
      case 'stranger':
        return this.#askAsStranger(channel);
      case 'two-doors':
        return this.#twoDoors({ channel, terms, deposits, signer, ...named }, best + 3n * dust);
      case 'cheap-end':
        return this.#end(channel, terms, deposits, signer);
      case 'dropped':
        return this.#payee.exchange({
          ...announce,
          deposits: deposits.map((deposit) => ({ ...deposit, value: amount(deposit.value * 2n) })),
        });
      default:
        return undefined;
    }
  }

  /** The same total as credit and, twice, for goods; all at once. */
  #twoDoors({ channel, terms, deposits, signer, hash }: Purse, total: bigint): Promise<unknown> | undefined {
    const payment = terms.contract.sign(terms, deposits, amount(total), signer, hash);
    if (isRefusal(payment)) return undefined;
    const pay: Pay = { kind: 'payment', channel, payment };
    for (let i = 0; i < 2; i++) this.#sell(pay);
    return this.#payee.exchange(pay);
  }

  /** Knows the id of a channel, and not its key. */
  async #askAsStranger(channel: ChannelId): Promise<unknown> {
    await this.#payee.exchange({ kind: 'invoice-request', channel, item: 'sip' });
    return this.#payee.exchange({ kind: 'state-request', channel });
  }

  async #invoice(channel: ChannelId, signer: Signer): Promise<string | undefined> {
    const proof = proofFor('invoice-request', channel, this.#chain.tip.height, signer);
    const reply = await this.#payee.exchange({ kind: 'invoice-request', channel, item: 'sip', proof });
    return reply.kind === 'invoice' ? reply.id : undefined;
  }

  async #pay(
    { channel, terms, deposits, signer, hash }: Purse,
    total: bigint,
    alter: (payment: Payment) => Payment,
    invoice: string | undefined,
  ): Promise<unknown> {
    if (total <= 0n) return undefined;
    const signed = terms.contract.sign(terms, deposits, amount(total), signer, hash);
    const payment = isRefusal(signed) ? { total: amount(total), signatures: [signer.sign(new Uint8Array(32).fill(7))] } : alter(signed);
    return this.#payee.exchange({ kind: 'payment', channel, payment, ...(invoice === undefined ? {} : { invoice }) });
  }

  async #end(channel: ChannelId, terms: Terms, deposits: readonly Deposit[], signer: Signer): Promise<unknown> {
    const agreement = { total: amount(2n * dust), payerScript: p2pkh(signer.publicKey), fee: feeRate };
    const agreed = terms.contract.agree(terms, deposits, agreement);
    if (isRefusal(agreed)) return agreed;
    return this.#payee.exchange({ kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, signer) });
  }

  /** Its own refund, at a high fee, as soon as nodes take it: it races the close. */
  #refund({ terms, announce, signer }: Mark, isEarly: boolean): void {
    if (!isEarly && !isExpired(terms, chainTimeAt(this.#chain, this.#chain.tip.height))) return;
    const there = announce.deposits.filter(({ outpoint }) => this.#chain.find(outpointKey(outpoint)) !== undefined);
    const rate = amount(feeRate * 20n) as Amount;
    const refund = terms.contract.refund(terms, there, { script: p2pkh(signer.publicKey), feeRate: rate }, signer);
    if (isRefusal(refund)) return;
    this.#stage.note(`thief refund: ${this.#chain.accept(refund).kind}`);
  }

  /** Another use of what funded a deposit, for a miner who takes the block away. */
  doubleSpend(): Transaction | undefined {
    const mark = this.#chance.pickAny([...this.#marks.values()]);
    const txid = mark?.announce.deposits[0]?.outpoint.txid;
    const funding = txid && (this.#chain.mined.get(txid)?.transaction ?? this.#chain.pool.get(txid)?.transaction);
    const [input] = funding?.inputs ?? [];
    if (funding === undefined || input === undefined) return undefined;
    const owner = this.#ownerOf(input.script);
    if (owner === undefined) return undefined;
    const source = this.#chain.mined.get(input.outpoint.txid)?.transaction.outputs[input.outpoint.vout];
    if (source === undefined) return undefined;
    const outputs = [{ value: source.value - feeRate * 5n, script: p2pkh(owner.publicKey) }];
    const bare: Transaction = { version: 2, inputs: [{ ...input, script: new Uint8Array() }], outputs, lockTime: 0 };
    const signature: Signature = owner.sign(signatureHash(bare, 0, source.script, SIGHASH.ALL));
    return { ...bare, inputs: [{ ...input, script: script(encodeSignature(signature, SIGHASH.ALL), owner.publicKey) }] };
  }

  #ownerOf(unlock: Uint8Array): Signer | undefined {
    return this.#signerOf(unlock.subarray(unlock.length - 33));
  }
}

/** Whether a trick needs a signature over a payment. */
function isPaying(trick: Trick): boolean {
  return ['same-total', 'lower', 'forged', 'greedy', 'twins', 'two-doors'].includes(trick);
}

function bent(payment: Payment): Payment {
  return {
    ...payment,
    signatures: payment.signatures.map((signature) => signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) as Signature),
  };
}
