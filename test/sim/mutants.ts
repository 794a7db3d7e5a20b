import { amount } from '../../src/core/base/amount.ts';
import { after, height } from '../../src/core/base/height.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { isOwnClose } from '../../src/core/channel/payee-close-rbf.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { type ChainView, type DepositView, type Env, stay } from '../../src/core/channel/state-machine.ts';
import { cltv } from '../../src/core/contract/cltv.ts';
import { type Contract, isDue } from '../../src/core/contract/contract.ts';
import { presignedRefund } from '../../src/core/contract/presigned-refund.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import { payeeRole } from '../../src/engine/channel-role.ts';
import type { Chain, Store, Write } from '../../src/engine/ports.ts';
import type { Merchant } from '../../src/merchant/merchant.ts';
import type { Agent } from '../../src/payer/agent.ts';
import { idOf } from './chain.ts';
import { givenMutants } from './given-mutants.ts';
import { hubMutants } from './hub-mutants.ts';
import { type Mutant, type PayeeParty, payeeMachine, payerMachine, replaced, withEnv } from './plant.ts';
import { plottedMutants } from './plotted.ts';
import { type Profile, plotted, villainous } from './profile.ts';
import { setBackMutants } from './set-back-mutants.ts';

function later(env: Env, blocks: number): Env {
  const seconds = blocks * 60;
  return withEnv(env, { tip: height(env.tip + blocks), medianTime: env.medianTime + seconds, now: env.now + seconds * 1_000 });
}

/** In blocks. */
function marginOf({ terms }: PayeeState): number {
  return Math.ceil(terms.closingMargin / blocksOn(terms.contract.expiresBy, 1, terms.coin.blockSeconds));
}

/** The step, but what is stored still holds the best payment. */
function keepingBest({ best }: PayeeState, step: ReturnType<PayeeParty['transition']>): ReturnType<PayeeParty['transition']> {
  if (isRefusal(step) || step.state === undefined || best === undefined) return step;
  return { ...step, state: { ...step.state, best } };
}

/** Answers as soon as it is asked to store; the storing happens when it happens. */
function hasty(store: Store): Store {
  return {
    ...store,
    commit: async (writes) => {
      const stored = store.commit(writes);
      if (!writes.some(({ kind }) => kind.endsWith('-channel'))) return stored;
      stored.catch(() => undefined);
      return true;
    },
  };
}

/** Takes every record to be at the version it finds. */
function careless(store: Store): Store {
  const current = async (write: Write): Promise<Write> => ({ ...write, expected: (await store.get(write.kind, write.id))?.version ?? 0 });
  return {
    ...store,
    commit: async (writes) => {
      if (await store.commit(writes)) return true;
      return store.commit(await Promise.all(writes.map(current)));
    },
  };
}

/** Hands on only what `isWanted` among what has not been handed on before. */
function broadcastingOnce(keyOf: (transaction: Transaction) => string): (chain: Chain) => Chain {
  const sent = new Set<string>();
  return (chain) => ({
    ...chain,
    broadcast: async (transaction) => {
      const key = keyOf(transaction);
      if (sent.has(key)) return { kind: 'already-known' };
      const outcome = await chain.broadcast(transaction);
      if (outcome.kind === 'accepted') sent.add(key);
      return outcome;
    },
  });
}

function inputsOf({ inputs }: Transaction): string {
  return inputs.map(({ outpoint }) => outpointKey(outpoint)).join(' ');
}

const calm = { lost: 0, doubled: 0, held: 0, impatience: 0 };
const busy = (drawn: Profile): Profile => ({ ...drawn, nodeFailure: 0, storeFailure: 0, network: calm, hostility: 0.1 });
const alone = (drawn: Profile): Profile => ({ ...busy(drawn), instances: 1 });
const robbed = (drawn: Profile): Profile => ({ ...alone(drawn), hasThief: true });
/** One payer, whose channel is soon open and lasts. */
const served = (drawn: Profile): Profile => ({
  ...alone(drawn),
  ...{ hasThief: false, crash: { payer: 0, payee: 0 }, lies: 0, bluffs: 0, hostility: 0, settling: 0 },
  ...{ payers: 1, depth: 1, lifetime: 100, turns: 100, pace: 120 },
});
const shaken =
  (trouble: Partial<Profile['trouble']>) =>
  (drawn: Profile): Profile => ({
    ...alone(drawn),
    hostility: 0.3,
    trouble: { ...none, ...trouble },
  });
const none: Profile['trouble'] = {
  reorg: 0,
  evict: 0,
  malleate: 0,
  'stale-node': 0,
  'node-down': 0,
  clock: 0,
  outage: 0,
  'full-disk': 0,
  'restore-payee': 0,
  spike: 0,
  hold: 0,
};

/** Worlds in which the payee signs refunds. */
function presigned(drawn: Profile): Profile {
  return { ...drawn, contract: contracts.indexOf(presignedRefund) };
}

export const mutants: readonly Mutant[] = [
  { name: 'the payee acknowledges before it has stored', breaks: /^I1/, mutation: () => ({ payee: { store: hasty } }) },
  {
    name: 'a commit resolves before the disk is synced',
    breaks: /^I1/,
    mutation: () => ({ prepare: ({ payee }) => void Object.assign(payee.machine.disk, { sync: () => undefined }) }),
  },
  {
    name: 'the payee closes with a payment that is not the best',
    breaks: /^I6/,
    plant: payeeMachine((real) => {
      const older = new Map<string, PayeeState>();
      return (state, input, env) => {
        if (state?.kind !== 'open') return real(state, input, env);
        const first = older.get(state.channel);
        if (state.best !== undefined && first === undefined) older.set(state.channel, state);
        const isEnd = input.kind === 'view' && isDue(state.terms, env);
        return isEnd && first?.best !== undefined
          ? keepingBest(state, real({ ...state, best: first.best }, input, env))
          : real(state, input, env);
      };
    }),
    profile: alone,
  },
  {
    name: 'the payee closes one block late',
    breaks: /^I2/,
    plant: payeeMachine((real) => (state, input, env) => real(state, input, input.kind === 'view' ? later(env, -1) : env)),
    profile: alone,
  },
  {
    name: 'the payee closes at the expiry, without a margin',
    breaks: /^I2/,
    plant: payeeMachine(
      (real) => (state, input, env) =>
        real(state, input, input.kind === 'view' && state !== undefined ? later(env, -marginOf(state)) : env),
    ),
    profile: alone,
  },
  {
    name: 'the payee does not notice that a deposit has left the chain',
    breaks: /^I[237]/,
    plant: payeeMachine((real) => (state, input, env) => {
      const isGone = input.kind === 'view' && [...input.deposits.values()].some(({ kind }) => kind === 'missing' || kind === 'replaced');
      return isGone && state !== undefined ? { kind: 'step', state, effects: [] } : real(state, input, env);
    }),
    profile: (drawn) => ({ ...shaken({ reorg: 3 })(drawn), hasThief: true }),
  },
  {
    name: 'a close is sent once and never again',
    breaks: /^I[27]/,
    mutation: () => ({ payee: { chain: broadcastingOnce((transaction) => idOf(transaction).txid) } }),
    profile: shaken({ evict: 5, reorg: 1 }),
  },
  {
    name: 'the fee of a close is never raised',
    breaks: /^I[27]/,
    mutation: () => ({ payee: { chain: broadcastingOnce(inputsOf) } }),
    profile: (drawn) => ({ ...alone(drawn), hostility: 0, isFixed: false, fever: 10n }),
  },
  { name: 'the payer sends before it has stored', breaks: /^I4/, mutation: () => ({ payer: { store: hasty } }) },
  {
    name: 'the payer refunds before the expiry',
    breaks: /refund/,
    plant: payerMachine((real) => (state, input, env) => real(state, input, input.kind === 'view' ? later(env, 30) : env)),
  },
  {
    name: 'the payer funds before the payee has signed its refund',
    breaks: /^I4/,
    plant: () => replaced<Contract>(presignedRefund, { isRefundable: () => true }),
    profile: presigned,
  },
  {
    name: 'the payee signs a refund for another expiry than it serves under',
    breaks: /^I2/,
    plant: () => {
      const { release } = presignedRefund;
      return replaced<Contract>(presignedRefund, {
        release: (terms, deposits, signer) => release({ ...terms, expiry: after(terms.expiry, -1) }, deposits, signer),
      });
    },
    profile: presigned,
  },
  {
    name: 'the same total is taken for something else',
    // Whichever is met first: an invoice paid by what paid another, or more delivered than was paid.
    breaks: /^I[35]/,
    plant: payeeMachine((real) => (state, input, env) => {
      const best = state?.best;
      const isSame = state?.kind === 'open' && best !== undefined && input.kind === 'payment' && input.pay.payment.total === best.total;
      if (!isSame) return real(state, input, env);
      const { best: _, ...without } = state;
      return real({ ...without, spent: 0n as typeof state.spent }, input, env);
    }),
    profile: robbed,
  },
  {
    name: 'an invoice can be paid twice',
    breaks: /^I5/,
    plant: () =>
      replaced<PayeeParty>(payeeRole, {
        withInvoice: (input, { invoice }) => (input.kind === 'payment' ? { ...input, invoice: { invoice } } : input),
      }),
  },
  {
    name: 'what an increment adds is reckoned from a total that was read before it was stored',
    breaks: /^I3/,
    mutation: () => ({ payee: { merchant: reckoningByItself } }),
    profile: (drawn) => ({ ...robbed(drawn), doors: 20 }),
  },
  {
    name: 'the payee tells whoever knows the id of a channel what it holds',
    breaks: /^I9/,
    mutation: () => ({ payee: { merchant: talkative } }),
    profile: (drawn) => ({ ...robbed(drawn), doors: 20 }),
  },
  {
    name: 'the payee writes over what another program stored',
    breaks: /^I[1358]/,
    mutation: () => ({ payee: { store: careless } }),
    profile: (drawn) => ({ ...busy(drawn), instances: 2, hasThief: true }),
  },
  {
    name: 'a deposit counts before it is deep enough',
    breaks: /^I(3|10)/,
    plant: payeeMachine((real) => (state, input, env) => {
      if (input.kind !== 'announce') return real(state, input, env);
      const funding = input.funding.map((view) => (view.kind === 'unspent' ? { ...view, depth: 1000 } : view));
      return real(state, { ...input, funding }, env);
    }),
  },
  {
    name: 'an offer of another store of the seed is taken for an own one',
    breaks: /^I5 two stores/,
    plant: payeeMachine((real) => (state, input, env) => {
      if (input.kind !== 'announce') return real(state, input, env);
      const { standing: _, ...unasked } = input;
      return real(state, unasked, env);
    }),
    profile: (drawn) => ({ ...alone(drawn), hasTwin: true }),
  },
  {
    name: 'what was declared as the most to be exposed is not looked at',
    breaks: /^I3/,
    plant: payeeMachine((real) => (state, input, env) => {
      const endless = amount(10n ** 17n);
      const freed = state === undefined ? state : { ...state, limits: { ...state.limits, unconfirmed: endless } };
      return input.kind === 'payment' ? real(freed, input, withEnv(env, { room: endless })) : real(state, input, env);
    }),
    profile: (drawn) => ({ ...alone(drawn), exposure: { channel: 20, all: 30 } }),
  },
  {
    name: 'what rests on young deposits is not added up',
    breaks: /^I3/,
    plant: payeeMachine((real) => (state, input, env) => real(state, input, input.kind === 'payment' ? withEnv(env, { young: [] }) : env)),
    profile: (drawn) => ({ ...alone(drawn), young: 5 }),
  },
  {
    name: 'the payee holds on to an agreed end whose deposits are gone',
    breaks: /^I7 the payee is left/,
    plant: payeeMachine((real) => (state, input, env) => {
      const isStuck = input.kind === 'view' && state?.kind === 'closing' && !isOwnClose(state);
      const isSpent = isStuck && [...input.deposits.values()].some(({ kind }) => kind === 'spent');
      return isStuck && !isSpent ? stay(state, { kind: 'broadcast', transaction: state.transaction }) : real(state, input, env);
    }),
    profile: (drawn) => ({ ...shaken({ malleate: 5, reorg: 5 })(drawn), isFixed: true }),
  },
  {
    name: 'the payer overlooks what was paid to its channel under another txid',
    breaks: /^I7/,
    plant: payerMachine((real) => (state, input, env) => real(state, input.kind === 'view' ? { ...input, found: [] } : input, env)),
    profile: shaken({ malleate: 5, reorg: 2 }),
  },
  {
    name: 'a payment that had no answer is given up where the payee has no time for it',
    breaks: /^I5 .*wishes/,
    mutation: () => ({ payer: { agent: forgetful } }),
    profile: (drawn) => ({ ...served(drawn), haste: { busy: 0.4, cut: 0, topping: 0 } }),
  },
  {
    name: 'the payer believes a best total without looking at the signature',
    breaks: /^I[45]/,
    plant: payerMachine((real) => (state, input, env) => real(state, input, withEnv(env, { verify: () => true }))),
    profile: (drawn) => ({ ...alone(drawn), lies: 0.4 }),
  },
  {
    name: 'the payer believes an end without looking at the signatures',
    breaks: /^I4/,
    plant: payerMachine(
      (real) => (state, input, env) =>
        real(state, input, input.kind === 'reply' && input.message.kind === 'ended' ? withEnv(env, { verify: () => true }) : env),
    ),
    profile: (drawn) => ({ ...alone(drawn), bluffs: 0.5 }),
  },
  {
    name: 'the payer takes any expiry that an offer asks for',
    breaks: /^I7/,
    plant: payerMachine(
      (real) => (state, input, env) => real(state, input.kind === 'create' ? { ...input, limits: { lifetime: 2 ** 40 } } : input, env),
    ),
    profile: (drawn) => ({ ...alone(drawn), bluffs: 0.5 }),
  },
  {
    name: 'what the payee has not agreed to is broadcast all the same',
    breaks: /^I4 .*not agreed/,
    plant: payerMachine(
      (real) => (state, input, env) => real(input.kind === 'view' && state !== undefined ? sent(state) : state, input, env),
    ),
    profile: (drawn) => ({ ...served(drawn), haste: { busy: 0, cut: 0.3, topping: 3 } }),
  },
  {
    name: 'the payee takes payments without looking at the signature',
    breaks: /^I[246]|broadcast|invalid/,
    plant: payeeMachine((real) => (state, input, env) => real(state, input, withEnv(env, { verify: () => true }))),
    profile: robbed,
  },
  {
    name: 'the payee agrees to an end below the best total',
    breaks: /^I6/,
    plant: payeeMachine((real) => (state, input, env) => {
      if (input.kind !== 'end' || state?.best === undefined) return real(state, input, env);
      const { best: _, ...without } = state;
      return keepingBest(state, real(without, input, env));
    }),
    profile: robbed,
  },
  {
    name: 'what builds on a close is not counted in its raise',
    breaks: /^I2/,
    plant: payeeMachine((real) => (state, input, env) => real(state, input.kind === 'view' ? withoutCosts(input) : input, env)),
    profile: (drawn) => ({ ...plotted(drawn), isFixed: false, contract: contracts.indexOf(cltv), plot: 'a close that is pinned' }),
  },
  {
    name: 'the payer never contests a close that nobody mines',
    breaks: /^I7/,
    plant: payerMachine((real) => (state, input, env) => real(state, input.kind === 'view' ? asMined(input) : input, env)),
    profile: (drawn) => ({ ...villainous(alone(drawn)), isFixed: false, contract: contracts.indexOf(cltv), isTireless: true }),
  },
  {
    name: 'after one failure the payee never looks at the chain again',
    breaks: /^I[27]|wallet/,
    mutation: () => ({ payee: { merchant: givingUp } }),
    profile: (drawn) => ({ ...shaken({ 'node-down': 4 })(drawn), lies: 0 }),
  },
  ...plottedMutants,
  ...givenMutants,
  ...setBackMutants,
  ...hubMutants,
];

/** Nothing is held back. */
function sent(state: PayerState): PayerState {
  const { unsent: _, ...rest } = state;
  return rest;
}

/** What waits and has no lock, as closes have none, counts as mined. */
function asMined(view: ChainView): ChainView {
  const mined = (seen: DepositView): DepositView =>
    seen.kind === 'spent' && seen.transaction.lockTime === 0 ? { ...seen, depth: Math.max(seen.depth, 1) } : seen;
  return { ...view, deposits: new Map([...view.deposits].map(([key, seen]) => [key, mined(seen)])) };
}

/** The node is not asked what waits with a spend. */
function withoutCosts(view: ChainView): ChainView {
  const bare = ({ cost: _, ...seen }: Extract<DepositView, { kind: 'spent' }>): DepositView => seen;
  return { ...view, deposits: new Map([...view.deposits].map(([key, seen]) => [key, seen.kind === 'spent' ? bare(seen) : seen])) };
}

function reckoningByItself(merchant: Merchant): Merchant {
  return {
    ...merchant,
    increment: async (pay) => {
      const before = (await merchant.engine.get(pay.channel))?.best?.total ?? 0n;
      const taken = await merchant.increment(pay);
      return isRefusal(taken) ? taken : { ...taken, added: amount(taken.receipt.total - before) };
    },
  };
}

/** Whatever a busy payee refuses counts as refused. */
function forgetful(agent: Agent): Agent {
  return {
    ...agent,
    buy: async (channel, item, agree, payee) => {
      const bought = await agent.buy(channel, item, agree, payee);
      if (isRefusal(bought) && bought.code === 'too-many')
        await agent.engine.drive(channel, { kind: 'reply', to: 'payment', message: bought });
      return bought;
    },
  };
}

function talkative(merchant: Merchant): Merchant {
  return {
    ...merchant,
    answer: async (request) => {
      const reply = await merchant.answer(request);
      if (request.kind !== 'state-request' || !isRefusal(reply)) return reply;
      const driven = await merchant.engine.drive(request.channel, { kind: 'state-request' });
      return isRefusal(driven) ? driven : (driven.reply ?? reply);
    },
  };
}

function givingUp<M extends { readonly engine: { readonly follower: { readonly poll: () => Promise<void> } } }>(merchant: M): M {
  let hasFailed = false;
  const { poll } = merchant.engine.follower;
  const fragile = async (): Promise<void> => {
    if (hasFailed) return;
    await poll().catch((error: unknown) => {
      hasFailed = true;
      throw error;
    });
  };
  return { ...merchant, engine: { ...merchant.engine, follower: { ...merchant.engine.follower, poll: fragile } } };
}
