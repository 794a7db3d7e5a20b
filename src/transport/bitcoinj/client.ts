import { type Amount, MAX_AMOUNT, ZERO } from '../../core/base/amount.ts';
import { bytesToHex, type TxId } from '../../core/base/bytes.ts';
import { isTime, type Time } from '../../core/base/height.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import { type Contract, capacityOf, type Deposit, type Payment, type Terms } from '../../core/contract/contract.ts';
import { RELEASE } from '../../core/contract/refund-signature.ts';
import { SIGNATURE_BYTES } from '../../core/contract/tx-size.ts';
import { encodeBitcoinj } from '../../core/message/bitcoinj/encode.ts';
import { type Initiate, MAX_BITCOINJ_BYTES } from '../../core/message/bitcoinj/message.ts';
import { paymentOf, updateOf } from '../../core/message/bitcoinj/payment.ts';
import { prove } from '../../core/message/bitcoinj/proof.ts';
import { contractOf, majorOf } from '../../core/message/bitcoinj/version.ts';
import type { Pay, Receipt, Reply, Request } from '../../core/message/message.ts';
import { p2pkh } from '../../core/tx/script.ts';
import { decodeLowered, type PublicKey, type Signature, type Signer } from '../../core/tx/sign.ts';
import { encodeTransaction, type Transaction } from '../../core/tx/transaction.ts';
import { type Connection, type Line, WorldError } from '../../engine/ports.ts';
import { ClientDialogue, type Farewell } from './client-dialogue.ts';

/** What a server offers for a new channel. */
export interface Proposal {
  readonly kind: 'proposal';
  readonly contract: Contract;
  readonly payeeKey: PublicKey;
  readonly minCapacity: Amount;
  /** Unix time in seconds. */
  readonly expiry: Time;
  readonly minPayment: Amount;
}

export interface Greeting {
  readonly contract: Contract;
  /** Contracts that are accepted too, if the server answers with one of them. */
  readonly others?: readonly Contract[];
  /** Lifetime of a new channel in seconds. */
  readonly window: number;
  /** The transaction that made the channel to resume. */
  readonly previous?: TxId;
}

/**
 * Milliseconds that a server may be silent once it has answered as one: it waits for blocks and for payments. The same as in pawment's own server.
 */
const IDLE = 3_600_000;

/** A payer's side of one connection to a bitcoinj server. */
const HINT = 'Ask for another version. In version 1 the refund needs the server’s signature: to accept that, use --protocol 1.';

export class BitcoinjClient {
  readonly #dialogue: ClientDialogue;
  #isMade: boolean = false;
  #isLaunched: boolean = false;
  /** Proves the key to a server that asks for that. */
  #claim: { readonly nonce: Uint8Array; readonly contract: TxId } | undefined;

  constructor(line: Line) {
    this.#dialogue = new ClientDialogue(line);
  }

  /** Resolves when the connection has ended, with the server's last message, which may hold a settlement. */
  get over(): Promise<Farewell> {
    return this.#dialogue.over;
  }

  /** Resumes a channel, or gets the terms of a new one. @throws WorldError as `Dialogue.ask`. */
  async greet({ contract, others = [], window, previous }: Greeting): Promise<Proposal | { readonly kind: 'resumed' }> {
    const major = majorOf(contract);
    if (major === undefined) throw new Error(`${contract.id} is no contract of bitcoinj's`);
    const hello = { kind: 'client-version', major, minor: 0, window, ...(previous && { previous }) } as const;
    const version = await this.#dialogue.ask(hello, 'server-version');
    const spoken = contractOf(version.major);
    if (spoken === undefined || !(spoken === contract || others.includes(spoken))) {
      await this.#dialogue.leave({
        kind: 'error',
        code: 'NO_ACCEPTABLE_VERSION',
        explanation: `This client does not support protocol version ${version.major}.`,
      });
      throw new WorldError('peer-nonsense', `The server supports protocol version ${version.major} only.`, HINT);
    }
    const answer = await this.#dialogue.next('initiate', 'channel-open');
    this.#dialogue.setIdle(IDLE);
    if (answer.kind === 'initiate') return this.#proposal(spoken, answer);
    this.#isMade = true;
    this.#isLaunched = true;
    if (version.nonce !== undefined && previous !== undefined) this.#claim = { nonce: version.nonce, contract: previous };
    return { kind: 'resumed' };
  }

  async #proposal(contract: Contract, { payeeKey, minCapacity, expiry, minPayment }: Initiate): Promise<Proposal> {
    if (isTime(expiry)) return { kind: 'proposal', contract, payeeKey, minCapacity, expiry, minPayment };
    await this.reject('TIME_WINDOW_UNACCEPTABLE');
    throw new WorldError('peer-nonsense', `The server proposes an expiry that is not a time: ${expiry}.`, 'Check the address.');
  }

  /** Says why a proposal is refused, and closes this side. */
  reject(code: 'TIME_WINDOW_UNACCEPTABLE' | 'CHANNEL_VALUE_TOO_LARGE' | 'MIN_PAYMENT_TOO_LARGE', expected?: Amount): Promise<void> {
    return this.#dialogue.leave({ kind: 'error', code, ...(expected === undefined ? {} : { expected }) });
  }

  /** The way to the payee for a payer. `onAck` gets the data that came with each acknowledgement. */
  connection(state: () => Promise<PayerState | undefined>, onAck: OnAck = () => undefined): Connection {
    return {
      exchange: async (request) => {
        const channel = await state();
        if (channel === undefined) return refuse('channel-unknown');
        return this.#exchange(channel, request, onAck);
      },
    };
  }

  async #exchange(state: PayerState, request: Request, onAck: OnAck): Promise<Reply> {
    if (request.kind === 'payment') return this.#pay(state, request, onAck);
    if (request.kind !== 'announce') return refuse('request-unknown');
    const { channel, terms } = state;
    // The server has proposed the terms: so the deposit is accepted, and its real answer comes with the first payment.
    if (this.#isLaunched) return { kind: 'accepted', channel, capacity: capacityOf(request.deposits) };
    if (!isCarriable(state)) return refuse('message-too-large', { most: MAX_BITCOINJ_BYTES });
    const releases = terms.contract.expiryIn === 'releases' ? { releases: await this.#releases(terms, request.deposits) } : {};
    this.#isLaunched = true;
    return { kind: 'provisional', channel, waitingFor: refuse('funding-missing'), ...releases };
  }

  /** Version 1: the server signs refunds of deposits that are not in the chain yet. The payer's state machine checks its signatures. */
  async #releases(terms: Terms, deposits: readonly Deposit[]): Promise<readonly Signature[]> {
    const releases: Signature[] = [];
    for (const deposit of deposits) {
      const refund = encodeTransaction(unsignedRefund(terms, deposit));
      const answer = await this.#dialogue.ask({ kind: 'provide-refund', payerKey: terms.payerKey, refund }, 'return-refund');
      const read = decodeLowered(answer.signature);
      if (typeof read !== 'string' && read.hashType === RELEASE) releases.push(read.signature);
    }
    return releases;
  }

  async #pay(state: PayerState, { channel, payment, invoice }: Pay, onAck: OnAck): Promise<Reply> {
    if (invoice !== undefined) return refuse('invoice-unknown');
    const capacity = capacityOf(state.deposits);
    const refusal = this.#isMade ? await this.#update(state, payment, onAck) : await this.#provide(state, payment, capacity);
    if (refusal !== undefined) return refusal;
    this.#isMade = true;
    const receipt: Receipt = { kind: 'receipt', channel, total: payment.total, spent: ZERO, capacity };
    return receipt;
  }

  async #update(state: PayerState, payment: Payment, onAck: OnAck): Promise<Refusal | undefined> {
    const capacity = capacityOf(state.deposits);
    const info = state.kind === 'open' ? state.pending?.info : undefined;
    await this.#dialogue.say({ kind: 'update-payment', ...updateOf(payment, capacity, info) });
    const answer = await this.#dialogue.next('payment-ack').catch((error: unknown) => this.#shown(capacity, error));
    if (isRefusal(answer)) return answer;
    onAck(answer.info);
    return undefined;
  }

  /** What a pawment server shows a payer that was restored from old data, as the refusal that other payees give; anything else ends the line. */
  async #shown(capacity: Amount, error: unknown): Promise<Refusal> {
    const { best } = error instanceof WorldError ? await this.#dialogue.over : {};
    const payment = best && paymentOf(best, capacity);
    if (payment === undefined || isRefusal(payment)) throw error;
    const { total, signatures } = payment;
    return refuse('total-lower', { best: total, signatures: signatures.map(bytesToHex).join(','), spent: total });
  }

  async #provide({ funding, terms }: PayerState, payment: Payment, capacity: Amount): Promise<undefined> {
    const [contract] = funding;
    if (contract === undefined) throw new Error('a launched channel has a funding transaction');
    const initial = updateOf(payment, capacity);
    // In version 1 the key was sent with the refund.
    const key = terms.contract.expiryIn === 'releases' ? {} : { payerKey: terms.payerKey };
    await this.#dialogue.ask({ kind: 'provide-contract', contract, initial, ...key }, 'channel-open');
  }

  /**
   * Asks for the settlement, and proves the channel's key to a server that wants it. bitcoinj's own payer closes without waiting for an answer, and
   * so loses its last message.
   */
  async settle(key: Signer): Promise<Farewell> {
    const proof = this.#claim && prove(this.#claim.nonce, this.#claim.contract, key);
    await this.#dialogue.say({ kind: 'close', ...(proof && { proof }) });
    return this.#dialogue.over;
  }

  /** Hangs up; the channel can be resumed. */
  hangUp(): Promise<void> {
    return this.#dialogue.leave();
  }
}

/** What the server has to sign. bitcoinj checks everything except the value, which its signature does not cover. */
function unsignedRefund({ contract, expiry, payerKey }: Terms, { outpoint, value }: Deposit): Transaction {
  const { version, refundSequence: sequence } = contract.form;
  return {
    version,
    inputs: [{ outpoint, script: new Uint8Array(), sequence }],
    outputs: [{ value, script: p2pkh(payerKey) }],
    lockTime: expiry,
  };
}

export type OnAck = (info: Uint8Array | undefined) => void;

/** Whether the contract fits into a message: otherwise it must not get into the chain, because no channel could be made of it. */
function isCarriable({ funding, terms }: PayerState): boolean {
  const [contract = new Uint8Array()] = funding;
  const initial = { change: MAX_AMOUNT, signature: new Uint8Array(SIGNATURE_BYTES) };
  return encodeBitcoinj({ kind: 'provide-contract', contract, initial, payerKey: terms.payerKey }).length <= MAX_BITCOINJ_BYTES;
}
