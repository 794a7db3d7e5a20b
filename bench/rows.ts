import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../src/core/base/refusal.ts';
import { type PayeeInput, payee } from '../src/core/channel/payee.ts';
import type { PayeeState } from '../src/core/channel/payee-state.ts';
import { payer } from '../src/core/channel/payer.ts';
import { dogecoin } from '../src/core/coin/dogecoin.ts';
import { decodePay } from '../src/core/message/compact.ts';
import type { Pay } from '../src/core/message/message.ts';
import { decodePsbt } from '../src/core/message/psbt-codec.ts';
import { channelOfPsbt, readPayment } from '../src/core/message/psbt-payment.ts';
import { type Driver, driver } from '../src/engine/channel-driver.ts';
import { payeeRole } from '../src/engine/channel-role.ts';
import type { Chain, Store } from '../src/engine/ports.ts';
import { memoryStore } from '../src/store/memory.ts';
import { openSqlite } from '../src/store/sqlite.ts';
import { type Fixture, giveBacks, must, nthTotal, payeeEnvOf, type Signed } from './fixture.ts';
import { inProcess, type Row } from './measure.ts';

type Payees = Map<ChannelId, PayeeState>;
/** Reads what came over the wire; the states are there for the form that needs them. */
type Read = (signed: Signed, stateOf: (channel: ChannelId) => PayeeState | undefined) => Pay | Refusal;

const readCompactForm: Read = ({ compact }) => decodePay(compact);
const readPsbtForm: Read = ({ psbt: bytes }, stateOf) => {
  const psbt = decodePsbt(bytes);
  if (isRefusal(psbt)) return psbt;
  const state = stateOf(channelOfPsbt(dogecoin, psbt));
  return state === undefined ? assert.fail('no such channel') : readPayment(psbt, state.terms, state.deposits);
};

/** Verification alone, by the backend that a merchant gets. */
export function rawRow({ payments, env }: Fixture): Row {
  return inProcess(
    { id: 'verify', title: 'verification alone', operations: payments.length },
    {
      run: () => {
        for (const { check } of payments) if (!env.verify(check.signature, check.digest, check.key)) assert.fail('a good signature');
      },
    },
  );
}

/** The payee's whole step without storage: bytes, machine, receipt. */
export function stepRow(form: 'compact' | 'psbt', fixture: Fixture, payments: readonly Signed[], of = ''): Row {
  const read = form === 'compact' ? readCompactForm : readPsbtForm;
  const envs = new Map([...fixture.payees].map(([channel, state]) => [channel, payeeEnvOf(fixture, state)]));
  let states: Payees = new Map();
  return inProcess(
    { id: of === '' ? form : `${form}-${of}`, title: `${form} step${of === '' ? '' : `, ${of}`}, no storage`, operations: payments.length },
    {
      prepare: async () => {
        states = new Map(fixture.payees);
      },
      run: () => {
        for (const signed of payments) {
          const pay = must(read(signed, (channel) => states.get(channel)));
          const step = must(payee(states.get(pay.channel), { kind: 'payment', pay }, envs.get(pay.channel) ?? assert.fail('no key')));
          const [effect] = step.effects;
          if (step.state === undefined || effect?.kind !== 'reply' || effect.message.kind !== 'receipt') assert.fail('no receipt');
          if (effect.message.total !== signed.total) assert.fail('another total');
          states.set(pay.channel, step.state);
        }
      },
    },
  );
}

/** The payee's part in giving back: the order, the check of the payment for less, and the secret. */
export function giveBackRow(fixture: Fixture, each: number): Row {
  const inputs = giveBacks(fixture, each);
  const envs = new Map([...fixture.payees].map(([channel, state]) => [channel, payeeEnvOf(fixture, state)]));
  let states: Payees = new Map();
  return inProcess(
    { id: 'give-back', title: 'give-back step, no storage', operations: fixture.payees.size * each },
    {
      prepare: async () => {
        states = new Map(fixture.payees);
      },
      run: () => {
        for (const [channel, input] of inputs) {
          const { state } = must(payee(states.get(channel), input, envs.get(channel) ?? assert.fail('no key')));
          if (state !== undefined) states.set(channel, state);
        }
      },
    },
  );
}

interface StoredRow {
  readonly form: 'compact' | 'psbt';
  readonly store: 'memory' | 'sqlite';
  /** Payments under way at once, each of another channel. */
  readonly inFlight: number;
}

/** The same through the engine: loaded, stepped, stored, then answered. */
export function storedRow({ form, store: kind, inFlight }: StoredRow, fixture: Fixture, payments: readonly Signed[]): Row {
  const read = form === 'compact' ? readCompactForm : readPsbtForm;
  let open: { readonly store: Store; readonly engine: Driver<PayeeState, PayeeInput>; readonly remove: () => void } | undefined;
  const answer = async (engine: Driver<PayeeState, PayeeInput>, signed: Signed): Promise<void> => {
    const pay = must(read(signed, (channel) => fixture.payees.get(channel)));
    const { reply } = must(await engine.drive(pay.channel, { kind: 'payment', pay }));
    if (reply?.kind !== 'receipt' || reply.total !== signed.total) assert.fail('no receipt');
  };
  const title = `${form}, ${kind}, ${inFlight === 1 ? 'one payer' : `${inFlight} in flight`}`;
  return inProcess(
    { id: `${form}-${kind}-${inFlight}`, title, operations: payments.length },
    {
      prepare: async () => {
        open = await openEngine(kind, fixture);
      },
      run: async () => {
        const { engine } = open ?? assert.fail('not prepared');
        for (let i = 0; i < payments.length; i += inFlight) {
          await Promise.all(payments.slice(i, i + inFlight).map((signed) => answer(engine, signed)));
        }
      },
      finish: async () => {
        await open?.store.close();
        open?.remove();
      },
    },
  );
}

async function openEngine(kind: StoredRow['store'], fixture: Fixture) {
  const folder = mkdtempSync(join(tmpdir(), 'pawment-bench-'));
  const store = kind === 'sqlite' ? openSqlite(join(folder, 'store')) : memoryStore();
  const keys = { signer: () => assert.fail('a payment needs no key of the payee') };
  const engine = driver({ party: payeeRole, store, chain: noChain, keys, world: () => fixture.env });
  const { recordKind, snapshot } = payeeRole;
  const writes = [...fixture.payees].map(([id, state]) => ({ kind: recordKind, id, expected: 0, value: snapshot.encode(state) }));
  assert.ok(await store.commit(writes));
  // Loaded before the first payment, as they would be after the first of thousands.
  for (const channel of fixture.payees.keys()) must(await engine.drive(channel, { kind: 'state-request' }));
  return { store, engine, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const unused = (): never => assert.fail('a payment asks nothing of the chain');
const noChain: Chain = {
  coin: dogecoin,
  tip: unused,
  status: unused,
  block: unused,
  output: unused,
  transaction: unused,
  mempool: unused,
  unconfirmed: unused,
  waiting: unused,
  broadcast: unused,
  feeRate: unused,
};

/** The payer's step: plan, sign, message. */
export function signRow({ payers, envOf }: Fixture, each: number): Row {
  const envs = payers.map(envOf);
  return inProcess(
    { id: 'sign', title: "payer's step, signed in JavaScript", operations: payers.length * each },
    {
      run: () => {
        for (const [i, state] of payers.entries()) {
          for (let nth = 0; nth < each; nth++) {
            const step = must(payer(state, { kind: 'pay', total: nthTotal(nth), price: nthTotal(0) }, envs[i] ?? assert.fail('no key')));
            if (step.effects[0]?.kind !== 'send') assert.fail('nothing to send');
          }
        }
      },
    },
  );
}
