import assert from 'node:assert/strict';
import { type Amount, amount } from '../src/core/base/amount.ts';
import { type ChannelId, txId } from '../src/core/base/bytes.ts';
import { after, height } from '../src/core/base/height.ts';
import { isRefusal, type Refusal } from '../src/core/base/refusal.ts';
import { type PayeeInput, payee } from '../src/core/channel/payee.ts';
import type { PayeeState } from '../src/core/channel/payee-state.ts';
import { type PayerInput, payer } from '../src/core/channel/payer.ts';
import type { OpenPayer, PayerState } from '../src/core/channel/payer-state.ts';
import type { Env, Step } from '../src/core/channel/state-machine.ts';
import { dogecoin } from '../src/core/coin/dogecoin.ts';
import type { Contract, Signing } from '../src/core/contract/contract.ts';
import { TX_SEQUENCE, TX_VERSION } from '../src/core/contract/form.ts';
import { digest } from '../src/core/contract/payment-plan.ts';
import { encodePay } from '../src/core/message/compact.ts';
import type { Announce, Reply, Request, State } from '../src/core/message/message.ts';
import { paymentPsbt } from '../src/core/message/psbt-payment.ts';
import { p2pkh } from '../src/core/tx/script.ts';
import { type PublicKey, type Signature, signer, type Verify } from '../src/core/tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import { payeeRole } from '../src/engine/channel-role.ts';
import { defaultTerms, makeOffer } from '../src/merchant/terms.ts';
import { fundingOf } from '../src/payer/wire-format.ts';
import { keyName, seedKeyRing } from '../src/wallet/keyring.ts';

const coin = dogecoin;
const TIP = height(6_000_000);
const DEPOSIT = amount(1_000n * 100_000_000n);
const PRICE = amount(100_000n);
/** The first payment covers the closing fee. */
const FIRST = 100n;

/** What one signature check needs. */
export interface Check {
  readonly signature: Signature;
  readonly digest: Uint8Array;
  readonly key: PublicKey;
}

/** A payment signed beforehand, in both forms. */
export interface Signed {
  readonly channel: ChannelId;
  readonly total: Amount;
  readonly compact: Uint8Array;
  readonly psbt: Uint8Array;
  readonly check: Check;
}

export interface Fixture {
  /** Both sides of every channel, open, before the first payment. */
  readonly payees: ReadonlyMap<ChannelId, PayeeState>;
  readonly payers: readonly OpenPayer[];
  /** The first payment of every channel, then the second of every channel, and so on. */
  readonly payments: readonly Signed[];
  readonly env: Omit<Env, 'signer'>;
  readonly envOf: (payer: PayerState) => Env;
}

const keys = seedKeyRing(coin, new Uint8Array(32).fill(7));

/** Opens channels by the machines themselves and signs the payments. */
export function makeFixture(channels: number, each: number, verify: Verify, contract?: Contract, signing?: Signing): Fixture {
  const env = { tip: TIP, medianTime: 0, now: Date.now(), feeRate: coin.policy.feeRate, verify, keyOf: () => undefined };
  const envOf = ({ keyName }: PayerState): Env => ({ ...env, signer: keys.signer(keyName) });
  const pairs = Array.from({ length: channels }, (_, index) => openPair(index, env, contract, signing));
  const payments = Array.from({ length: each }, (_, nth) => pairs.map(({ payer: state }) => sign(state, nthTotal(nth), envOf(state))));
  return {
    payees: new Map(pairs.map((pair) => [pair.payee.channel, pair.payee])),
    payers: pairs.map((pair) => pair.payer),
    payments: payments.flat(),
    env,
    envOf,
  };
}

export function nthTotal(nth: number): Amount {
  return amount(PRICE * (FIRST + BigInt(nth)));
}

export function must<T>(value: T | Refusal): T {
  if (isRefusal(value)) assert.fail(`${value.code}: ${JSON.stringify(value.detail)}`);
  return value;
}

interface Pair {
  readonly payee: PayeeState;
  readonly payer: OpenPayer;
}

function openPair(index: number, env: Fixture['env'], contract?: Contract, signing?: Signing): Pair {
  const nonce = new Uint8Array(16);
  new DataView(nonce.buffer).setUint32(0, index);
  const payeeScript = p2pkh(signer(new Uint8Array(32).fill(9)).publicKey);
  const at = { tip: TIP, medianTime: 0, now: 0 };
  const offer = makeOffer(coin, defaultTerms(coin, contract, signing), payeeScript, at, keys, { bytes: () => nonce }, nonce);
  const name = keyName(coin, { account: 1, change: 0, index });
  const own = { ...env, signer: keys.signer(name) };
  const expiry = after(TIP, 10_000);
  const planned = stateOf(payer(undefined, { kind: 'create', offer, expiry, keyName: name, returnScript: payeeScript }, own));
  const script = planned.terms.contract.outputScript(planned.terms);
  const transaction = fundingTransaction(index, script);
  const deposits = [{ outpoint: { txid: transactionId(transaction), vout: 0 }, value: DEPOSIT }];
  const funded = stateOf(payer(planned, { kind: 'fund', deposits, transaction: encodeTransaction(transaction) }, own));
  const announce = sentBy(must(payer(funded, { kind: 'announce' }, own)));
  if (announce.kind !== 'announce') assert.fail(announce.kind);
  const { state, accepted } = openPayee(announce, script, env);
  const open = stateOf(payer(funded, { kind: 'reply', to: 'announce', message: accepted }, own));
  if (open.kind !== 'open') assert.fail(open.kind);
  return { payee: state, payer: open };
}

function openPayee(announce: Announce, script: Uint8Array, env: Fixture['env']): { readonly state: PayeeState; readonly accepted: Reply } {
  const view = { kind: 'unspent', value: DEPOSIT, script, depth: 1_000, isImmature: false } as const;
  const input = { kind: 'announce', announce, funding: [view] } as const;
  const own = keys.signer(payeeRole.keyName(undefined, input) ?? '');
  const step = payee(undefined, input, { ...env, signer: own });
  // As it comes out of the store: nothing in it is shared with the payer.
  const state = payeeRole.snapshot.decode(payeeRole.snapshot.encode(stateOf(step)));
  return { state, accepted: repliedBy(must(step)) };
}

export function sentBy({ effects }: Step<unknown>): Request {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []))[0] ?? assert.fail('nothing to send');
}

export function repliedBy({ effects }: Step<unknown>): Reply {
  return effects.flatMap((effect) => (effect.kind === 'reply' ? [effect.message] : []))[0] ?? assert.fail('no reply');
}

/** What a payee is asked and ordered while each channel is paid once and then gives something back so many times. */
export function giveBacks({ payers, payees, env, envOf }: Fixture, each: number): readonly (readonly [ChannelId, PayeeInput])[] {
  return payers.flatMap((open) => {
    const { channel } = open;
    const inputs: [ChannelId, PayeeInput][] = [];
    let [ours, theirs]: [PayerState, PayeeState] = [open, payees.get(channel) ?? assert.fail('no such channel')];
    const payeeEnv = (): Env => ({ ...env, signer: keys.signer(theirs.keyName) });
    const tell = (input: PayeeInput): Reply | undefined => {
      inputs.push([channel, input]);
      const step = must(payee(theirs, input, payeeEnv()));
      theirs = step.state ?? theirs;
      return step.effects.flatMap((effect) => (effect.kind === 'reply' ? [effect.message] : []))[0];
    };
    const exchange = (input: PayerInput): void => {
      const step = must(payer(ours, input, envOf(ours)));
      const pay = sentBy(step);
      if (pay.kind !== 'payment') assert.fail(pay.kind);
      const message = tell({ kind: 'payment', pay }) ?? assert.fail('no reply');
      ours = stateOf(payer(step.state, { kind: 'reply', to: 'payment', message }, envOf(ours)));
    };
    exchange({ kind: 'pay', total: nthTotal(each + 100), price: amount(0n) });
    for (let i = 0; i < each; i++) {
      tell({ kind: 'give-back', amount: PRICE, order: `${i}` });
      const { revocation } = described(theirs, payeeEnv());
      exchange({ kind: 'take-back', ...(revocation?.giveBack ?? assert.fail('nothing is given back')) });
    }
    return inputs;
  });
}

function described(state: PayeeState, env: Env): State {
  const reply = repliedBy(must(payee(state, { kind: 'state-request' }, env)));
  return reply.kind === 'state' ? reply : assert.fail(reply.kind);
}

export function payeeEnvOf({ env }: Fixture, { keyName: name }: PayeeState): Env {
  return { ...env, signer: keys.signer(name) };
}

export function stateOf<State>(step: Step<State | undefined> | Refusal): State {
  return must(step).state ?? assert.fail('no state');
}

/** One P2PKH input, the deposit and change: the usual 223 bytes. */
function fundingTransaction(index: number, script: Uint8Array): Transaction {
  const txid = txId(index.toString(16).padStart(64, '0'));
  const change = { value: 5_000_000_000n, script: p2pkh(signer(new Uint8Array(32).fill(3)).publicKey) };
  const input = { outpoint: { txid, vout: 0 }, script: new Uint8Array(107), sequence: TX_SEQUENCE };
  return { version: TX_VERSION, inputs: [input], outputs: [{ value: DEPOSIT, script }, change], lockTime: 0 };
}

function sign(state: OpenPayer, total: Amount, env: Env): Signed {
  const { channel, terms, deposits } = state;
  const payment = must(terms.contract.sign(terms, deposits, total, env.signer, state.revocation?.hash));
  const plan = must(terms.contract.plan(terms, deposits, total, payment.hash));
  const [signature] = payment.signatures;
  if (signature === undefined) assert.fail('a payment is signed');
  return {
    channel,
    total,
    compact: encodePay({ kind: 'payment', channel, payment }),
    psbt: paymentPsbt(terms, deposits, payment, fundingOf(state)),
    // A digest of its own: the template's may be written over by the next.
    check: { signature, digest: digest(terms, plan, 0).slice(), key: terms.payerKey },
  };
}
