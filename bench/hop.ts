import assert from 'node:assert/strict';
import { amount } from '../src/core/base/amount.ts';
import { bytesToHex } from '../src/core/base/bytes.ts';
import { type PayeeInput, payee } from '../src/core/channel/payee.ts';
import { invoiceHash, invoicePreimage } from '../src/core/channel/payee-locks.ts';
import type { PayeeState } from '../src/core/channel/payee-state.ts';
import { type PayerInput, payer } from '../src/core/channel/payer.ts';
import type { PayerState } from '../src/core/channel/payer-state.ts';
import type { Env, KeptInvoice, Step } from '../src/core/channel/state-machine.ts';
import { dogecoin } from '../src/core/coin/dogecoin.ts';
import { cltvMultisig } from '../src/core/contract/cltv-multisig.ts';
import type { HashLock } from '../src/core/contract/pending.ts';
import type { Reply } from '../src/core/message/message.ts';
import type { Verify } from '../src/core/tx/sign.ts';
import { fixedSigning } from '../src/merchant/terms.ts';
import { type Fixture, makeFixture, must, payeeEnvOf, repliedBy, sentBy, stateOf } from './fixture.ts';
import { inProcess, type Row } from './measure.ts';

const AMOUNT = amount(100_000_000n);

/** What a hub does: as the payee of the one channel, and as the payer of the other. */
type Act = { readonly as: 'payee'; readonly input: PayeeInput } | { readonly as: 'payer'; readonly input: PayerInput };

interface Hub {
  readonly incoming: PayeeState;
  readonly outgoing: PayerState;
  readonly acts: readonly Act[];
  readonly envs: { readonly payee: Env; readonly payer: Env };
}

/** The hub's part in forwarding: the lock of the payer, its own to the payee, the preimage shown, and both settled. No storage. */
export function hopRow(verify: Verify, channels: number, each: number): Row {
  const made = (): Fixture => makeFixture(channels, 0, verify, cltvMultisig, fixedSigning(dogecoin, cltvMultisig));
  const [near, far] = [made(), made()];
  const hubs = near.payers.map((_, i) => hubOf(near, far, i, each));
  return inProcess(
    { id: 'hop', title: 'hop through a hub, no storage', operations: channels * each },
    {
      run: () => {
        for (const { incoming, outgoing, acts, envs } of hubs) {
          let [own, next]: [PayeeState, PayerState] = [incoming, outgoing];
          for (const act of acts) {
            if (act.as === 'payee') own = stepped(payee(own, act.input, envs.payee), own);
            else next = stepped(payer(next, act.input, envs.payer), next);
          }
        }
      },
    },
  );
}

function stepped<State>(step: Parameters<typeof must<Step<State | undefined>>>[0], before: State): State {
  return must(step).state ?? before;
}

/** Plays each forwarding once with all four machines, and keeps what the hub was told. */
function hubOf(near: Fixture, far: Fixture, index: number, each: number): Hub {
  const [payerNear, payerFar] = [near.payers[index] ?? assert.fail(), far.payers[index] ?? assert.fail()];
  const [payeeNear, payeeFar] = [near.payees.get(payerNear.channel) ?? assert.fail(), far.payees.get(payerFar.channel) ?? assert.fail()];
  const [payerEnv, payeeEnv] = [near.envOf(payerNear), payeeEnvOf(far, payeeFar)];
  const envs = { payee: payeeEnvOf(near, payeeNear), payer: far.envOf(payerFar) };
  const acts: Act[] = [];
  let [own, next, first, last]: [PayeeState, PayerState, PayerState, PayeeState] = [payeeNear, payerFar, payerNear, payeeFar];
  const hubTakes = (input: PayeeInput): Reply | undefined => {
    acts.push({ as: 'payee', input });
    const step = must(payee(own, input, envs.payee));
    own = step.state ?? own;
    return step.effects.length === 0 ? undefined : repliedBy(step);
  };
  const hubSends = (input: PayerInput, invoice?: KeptInvoice): void => {
    acts.push({ as: 'payer', input });
    const step = must(payer(next, input, envs.payer));
    const pay = sentBy(step);
    if (pay.kind !== 'payment') assert.fail(pay.kind);
    const answered = must(payee(last, { kind: 'payment', pay, ...(invoice && { invoice }) }, payeeEnv));
    last = answered.state ?? last;
    const reply: PayerInput = { kind: 'reply', to: 'payment', message: repliedBy(answered) };
    acts.push({ as: 'payer', input: reply });
    next = stateOf(payer(step.state, reply, envs.payer));
  };
  const payerSends = (input: PayerInput): void => {
    const step = must(payer(first, input, payerEnv));
    const pay = sentBy(step);
    if (pay.kind !== 'payment') assert.fail(pay.kind);
    const message = hubTakes({ kind: 'payment', pay, isForwarding: true }) ?? assert.fail('no receipt');
    first = stateOf(payer(step.state, { kind: 'reply', to: 'payment', message }, payerEnv));
  };
  for (let i = 0; i < each; i++) {
    const id = bytesToHex(new Uint8Array(16).fill(i));
    const [hash, preimage] = [invoiceHash(payeeEnv, id), invoicePreimage(payeeEnv, id)];
    const lockIn = ({ terms }: PayerState): HashLock => {
      const expiry = terms.contract.hashLocks?.leastExpiry(terms) ?? assert.fail('no pending amounts');
      return { amount: AMOUNT, hash, expiry };
    };
    const invoice = { kind: 'invoice', id, channel: last.channel, item: 'tea', text: 'tea', amount: AMOUNT, address: '' } as const;
    payerSends({ kind: 'lock', lock: lockIn(first) });
    hubSends({ kind: 'lock', lock: lockIn(next), invoice: id }, { invoice: { ...invoice, expires: far.env.now + 1_000_000, hash } });
    hubTakes({ kind: 'reveal', preimage });
    hubSends({ kind: 'settle', hashes: [hash] });
    const message = repliedBy(must(payee(own, { kind: 'state-request' }, envs.payee)));
    first = stateOf(payer(first, { kind: 'reply', to: 'state-request', message }, payerEnv));
    payerSends({ kind: 'settle', hashes: [hash] });
  }
  return { incoming: payeeNear, outgoing: payerFar, acts, envs };
}
