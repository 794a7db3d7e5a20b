// The lowest of three levels: the two state machines, with no network, disk or clock. A payment goes over in bitcoinj's bytes.
//   node examples/bitcoinj/machines.ts
import {
  amount,
  type ChainTime,
  capacityOf,
  dogecoinRegtest as coin,
  type Effect,
  encodeTransaction,
  height,
  isRefusal,
  lockTime,
  MAX_AMOUNT,
  type Offer,
  payee,
  payer,
  type Refusal,
  type Reply,
  type Request,
  type Signer,
  signer,
  transactionId,
  txId,
  verifyPortable,
} from 'pawment';
import { bitcoinjContracts, decodeBitcoinj, encodeBitcoinj, paymentOf, updateOf } from 'pawment/bitcoinj';

function agreed<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`${value.message} ${value.advice}`);
  return value;
}

/** What a step asks to be sent, once its state is stored. */
function requestIn(effects: readonly Effect[]): Request {
  for (const effect of effects) if (effect.kind === 'send') return effect.message;
  throw new Error('nothing is to be sent');
}

function replyIn(effects: readonly Effect[]): Reply {
  for (const effect of effects) if (effect.kind === 'reply') return effect.message;
  throw new Error('nothing is to be answered');
}

// The world as values: the machines never ask, wait or draw lots.
const NOW = 1_700_000_000;
const at: ChainTime = { tip: height(1_400), medianTime: NOW, now: NOW * 1000 };
const envOf = (own: Signer) => ({ ...at, feeRate: coin.policy.feeRate, verify: verifyPortable, signer: own, keyOf: () => undefined });
const [payerKey, payeeKey] = [signer(new Uint8Array(32).fill(1)), signer(new Uint8Array(32).fill(2))];
const [ofPayer, ofPayee] = [envOf(payerKey), envOf(payeeKey)];

// What the payee offers: a channel of bitcoinj's second version for a day.
const expiry = lockTime(NOW + 86_400);
const payTo = new Uint8Array([0x76, 0xa9, 0x14, ...new Uint8Array(20).fill(3), 0x88, 0xac]);
const offer: Offer = {
  kind: 'offer',
  ...{ coin, contract: bitcoinjContracts[0], signing: { kind: 'flexible', slot: 0 }, closingMargin: 7_800 },
  ...{ payeeKey: payeeKey.publicKey, payeeScript: payTo, nonce: new Uint8Array(16) },
  ...{ minDeposit: amount(1_000_000_000n), maxDeposit: amount(10_000_000_000n), minExpiry: expiry, maxExpiry: expiry },
  depth: [{ upTo: MAX_AMOUNT, blocks: 3 }],
};

// The payer makes a channel and a deposit, and announces it.
const planned = agreed(payer(undefined, { kind: 'create', offer, expiry, keyName: 'first', returnScript: payTo }, ofPayer)).state;
if (planned === undefined) throw new Error('a created channel has a state');
const { contract } = planned.terms;
const value = amount(2_000_000_000n);
const input = { outpoint: { txid: txId('11'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0xffff_ffff };
const script = contract.outputScript(planned.terms);
const funding = { version: 1, inputs: [input], outputs: [{ value, script }], lockTime: 0 };
const deposits = [{ outpoint: { txid: transactionId(funding), vout: 0 }, value }];
const funded = agreed(payer(planned, { kind: 'fund', deposits, transaction: encodeTransaction(funding) }, ofPayer)).state;
const launched = agreed(payer(funded, { kind: 'launch' }, ofPayer)).state;
const announce = requestIn(agreed(payer(launched, { kind: 'announce' }, ofPayer)).effects);
if (announce.kind !== 'announce') throw new Error('an announcement is sent');

// The payee's own node shows it six blocks deep.
const seen = { kind: 'unspent', value, script, depth: 6, isImmature: false } as const;
const taken = agreed(payee(undefined, { kind: 'announce', announce, funding: [seen] }, ofPayee));
const opened = agreed(payer(launched, { kind: 'reply', to: 'announce', message: replyIn(taken.effects) }, ofPayer)).state;

// A payment: signed by one machine, carried in bitcoinj's bytes, taken by the other.
const paying = agreed(payer(opened, { kind: 'pay', total: amount(150_000_000n), price: amount(0n) }, ofPayer));
const pay = requestIn(paying.effects);
if (pay.kind !== 'payment') throw new Error('a payment is sent');
const bytes = encodeBitcoinj({ kind: 'update-payment', ...updateOf(pay.payment, capacityOf(deposits)) });
const update = agreed(decodeBitcoinj(bytes));
if (update.kind !== 'update-payment') throw new Error('an update is read');
const payment = agreed(paymentOf(update, capacityOf(deposits)));
const paid = agreed(payee(taken.state, { kind: 'increment', pay: { ...pay, payment } }, ofPayee));
// What is delivered follows from what this very step added: the same payment again gets the same receipt, and adds nothing.
const { added = amount(0n) } = paid;

const receipt = replyIn(paid.effects);
console.log(`${bytes.length} bytes pay ${added} more, ${receipt.kind === 'receipt' ? receipt.total : 0n} of ${capacityOf(deposits)} koinu`);
