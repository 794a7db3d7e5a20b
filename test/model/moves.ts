import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex } from '../../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import type { PayeeInput } from '../../src/core/channel/payee.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerInput } from '../../src/core/channel/payer.ts';
import { totalFor } from '../../src/core/channel/payer-pay.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Effect, Step } from '../../src/core/channel/state-machine.ts';
import { heldRevocationSecret, type RevocationSecrets } from '../../src/core/contract/revocation-secrets.ts';
import type { Reply } from '../../src/core/message/message.ts';
import { hash160 } from '../../src/core/tx/script.ts';
import { must, payeeKey } from '../world/sample.ts';
import { FUNDING, fundingView, isMined, minable, reorganised, spendOf, THIEF, tipOf, viewOf, withBlock, withBroadcast } from './chain.ts';
import { type Budget, broadcastsOf, type Machines, type Node, type Side } from './node.ts';
import { checkBroadcast } from './oracle.ts';
import { PRICE } from './setting.ts';

/** A way on from a node, with the name of what happens. */
export type Move = readonly [name: string, next: Node];

/** Everything that can happen next. */
export function movesFrom(node: Node, machines: Machines): readonly Move[] {
  return [
    ...payerMoves(node, machines),
    ...wireMoves(node, machines),
    ...ownerMoves(node, machines),
    ...crashes(node),
    ...blocks(node, machines),
  ];
}

/** A step's state is stored; then its effects happen, or a crash keeps them from it. */
function after(
  node: Node,
  side: Side,
  step: Step<PayeeState | PayerState | undefined> | Refusal,
  machines: Machines,
  name: string,
): Move[] {
  if (isRefusal(step)) return [];
  const next = (side === 'payee' ? { ...node, payee: step.state } : { ...node, payer: step.state }) as Node;
  const revoked = revokedBy(node, next, machines);
  // The payer has signed for less: nothing more is owed to the payee, whatever becomes of its answer.
  const stored =
    revoked === undefined ? next : { ...next, revoked: [...node.revoked, revoked], acknowledged: next.payee?.best?.total ?? 0n };
  const moves: Move[] = [[name, performed(stored, side, step.effects, machines)]];
  const { crashes } = node.budget;
  if (crashes > 0 && step.effects.length > 0) {
    const budget = { ...node.budget, crashes: crashes - 1 };
    moves.push([`${name}, ${side} crashes once it is stored`, gone({ ...stored, budget }, side)]);
  }
  return moves;
}

/** The close that the payee could make before this step, and has revoked by it, with its payout. */
function revokedBy({ payee }: Node, { payee: next }: Node, { book }: Machines): Node['revoked'][number] | undefined {
  if (payee?.best === undefined || (next?.revoked ?? 0) <= (payee.revoked ?? 0)) return undefined;
  const { terms, deposits, best: payment } = payee;
  const { hash } = payment;
  const { revocation } = terms.contract;
  if (revocation === undefined || hash === undefined) return undefined;
  const to = { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate };
  const close = must(terms.contract.close([{ terms, deposits, payment, signer: payeeKey }], to));
  const payout = must(revocation.payout(terms, revocation.outputs(terms, close, [hash]), to, payeeKey));
  return [book.number(close), book.number(payout)];
}

function performed(node: Node, side: Side, effects: readonly Effect[], machines: Machines): Node {
  let next = node;
  for (const { transaction } of broadcastsOf(effects)) {
    checkBroadcast(node, side, transaction, machines);
    next = { ...next, chain: withBroadcast(next.chain, machines.book.number(transaction), machines.book) };
  }
  for (const effect of effects) {
    if (effect.kind === 'send') next = sent(next, effect);
    else if (effect.kind === 'reply' && node.request !== undefined) {
      const { message } = effect;
      const total = message.kind === 'receipt' ? message.total : 0n;
      const acknowledged = total > next.acknowledged ? total : next.acknowledged;
      next = { ...next, reply: { to: node.request.kind, message: effect.message }, acknowledged };
    }
  }
  return next;
}

function sent(node: Node, { message }: Extract<Effect, { kind: 'send' }>): Node {
  if (message.kind !== 'payment') return { ...node, request: message };
  const { total, hash } = message.payment;
  const under = hash === undefined ? '' : bytesToHex(hash);
  const most = node.sent.get(under) ?? 0n;
  return { ...node, request: message, sent: total > most ? new Map([...node.sent, [under, total]]) : node.sent };
}

/** What the payer has heard of secrets, and of what it may take back. After its end a secret takes nothing back: a close was buried before it was shown. */
function heard(node: Node, message: Reply): Node {
  if (node.payer.kind === 'ended') return node;
  const secrets =
    message.kind === 'receipt' && message.secret !== undefined
      ? [message.secret]
      : message.kind === 'state'
        ? secretsIn(message.revocation?.secrets ?? [])
        : [];
  const fresh = secrets.map((secret) => bytesToHex(hash160(secret))).filter((hash) => !node.shown.includes(hash));
  const { offered: _, ...rest } = node;
  const offered = message.kind === 'state' ? message.revocation?.giveBack : undefined;
  return { ...rest, shown: [...node.shown, ...fresh], ...(offered && { offered }) };
}

function secretsIn(held: RevocationSecrets): readonly Uint8Array[] {
  const count = (held.at(-1)?.index ?? -1) + 1;
  return Array.from({ length: count }, (_, index) => heldRevocationSecret(held, index)).filter((secret) => secret !== undefined);
}

/** A side that is down hears nothing, and what it was about to say is lost. */
function gone(node: Node, side: Side): Node {
  const { request: _, reply: __, ...rest } = node;
  const down = { ...node.down, [side]: 0 };
  return side === 'payer' ? { ...rest, down } : { ...rest, ...(node.reply === undefined ? {} : { reply: node.reply }), down };
}

/** What the payer's owner does; like the agent, one thing at a time, and the unanswered payment first. */
function payerMoves(node: Node, machines: Machines): readonly Move[] {
  const { payer, budget, chain, request, reply, down } = node;
  if (down.payer !== undefined || request !== undefined || reply !== undefined) return [];
  const tell = (input: PayerInput, name: string, cost: Partial<Node['budget']> = {}): readonly Move[] =>
    after({ ...node, budget: { ...budget, ...cost } }, 'payer', machines.payer(payer, input, chain, name), machines, name);
  if (payer.kind === 'funding') return tell({ kind: 'announce' }, 'payer announces');
  if (payer.kind === 'ending' && payer.transaction === undefined) return tell({ kind: 'end' }, 'payer proposes the end again');
  if (payer.kind !== 'open') return [];
  if (payer.pending !== undefined) return tell({ kind: 'resend' }, 'payer sends again');
  const moves: Move[] = [];
  if (budget.payments > 0) {
    const total = totalFor(payer, amount(PRICE));
    if (!isRefusal(total))
      moves.push(...tell({ kind: 'pay', total, price: amount(PRICE) }, 'payer pays', { payments: budget.payments - 1 }));
  }
  const { offered } = node;
  if (offered !== undefined) {
    const { offered: _, ...once } = node;
    const step = machines.payer(payer, { kind: 'take-back', ...offered }, chain, `payer takes back ${machines.nameOfMessage(offered)}`);
    moves.push(...after(once, 'payer', step, machines, 'payer takes back'));
  } else if (node.payee?.giveBack !== undefined || isOwed(node)) moves.push(...tell({ kind: 'resync' }, 'payer asks'));
  if (budget.ends > 0) moves.push(...tell({ kind: 'end' }, 'payer proposes the end', { ends: budget.ends - 1 }));
  return moves;
}

/** Whether the payee has revoked what the payer has not heard the secret of: it asks until it has. */
function isOwed({ payee, payer }: Node): boolean {
  return (payee?.revoked ?? 0) > (payer.revocation?.index ?? 0);
}

/** Messages arrive, arrive twice, or are lost. */
function wireMoves(node: Node, machines: Machines): readonly Move[] {
  const { request, reply, chain, payee, payer, down } = node;
  const moves: Move[] = [];
  if (request !== undefined && down.payee === undefined) {
    const { request: _, reply: __, ...idle } = node;
    const input = inputOf(node, machines);
    const question = `${machines.nameOfMessage(request)} ${input.kind === 'announce' ? JSON.stringify(input.funding.map(({ kind }) => kind)) : ''}${input.kind === 'announce' ? depthOf(input) : ''}`;
    const step = machines.payee(payee, input, chain, question);
    if (isRefusal(step)) moves.push(['payee refuses', { ...idle, reply: { to: request.kind, message: step } }]);
    else {
      for (const [name, next] of after(node, 'payee', step, machines, `payee takes the ${request.kind}`)) {
        moves.push([`${name}; it may come again`, next]);
        const { request: ___, ...once } = next;
        moves.push([name, once]);
      }
    }
    moves.push([`the ${request.kind} is lost`, idle]);
  }
  if (reply !== undefined && down.payer === undefined) {
    const { reply: _, ...idle } = node;
    const input: PayerInput = { kind: 'reply', to: reply.to, message: reply.message };
    const step = machines.payer(payer, input, chain, `reply ${reply.to} ${machines.nameOfMessage(reply.message)}`);
    moves.push(...after(heard(idle, reply.message), 'payer', step, machines, `payer hears ${reply.message.kind}`));
    moves.push([`the ${reply.message.kind} is lost`, idle]);
  }
  return moves;
}

function depthOf(input: Extract<PayeeInput, { kind: 'announce' }>): string {
  return input.funding.map((view) => (view.kind === 'unspent' ? view.depth : '')).join();
}

function inputOf({ request, chain }: Node, { book }: Machines): PayeeInput {
  switch (request?.kind) {
    case 'announce':
      return { kind: 'announce', announce: request, funding: [fundingView(chain, book)] };
    case 'payment':
      return { kind: 'payment', pay: request };
    case 'end':
      return { kind: 'end', end: request };
    case 'state-request':
      return { kind: 'state-request' };
    default:
      throw new Error(`the model sends no ${request?.kind}`);
  }
}

function ownerMoves(node: Node, machines: Machines): readonly Move[] {
  const { payee, budget, chain, down } = node;
  if (payee === undefined || down.payee !== undefined) return [];
  const tell = (input: PayeeInput, name: string, cost: Partial<Budget>): readonly Move[] =>
    after({ ...node, budget: { ...budget, ...cost } }, 'payee', machines.payee(payee, input, chain, name), machines, name);
  const { returns = 0, cheats = 0 } = budget;
  const moves: Move[] = [];
  if (payee.kind === 'open' && budget.closes > 0)
    moves.push(...tell({ kind: 'close' }, 'payee closes by order', { closes: budget.closes - 1 }));
  if (payee.kind === 'open' && returns > 0 && payee.giveBack === undefined) {
    const order: PayeeInput = { kind: 'give-back', amount: amount(PRICE), order: String(returns) };
    moves.push(...tell(order, `payee gives back ${returns}`, { returns: returns - 1 }));
  }
  if (cheats > 0) {
    const spent = { ...node, budget: { ...budget, cheats: cheats - 1 }, hasCheated: true } as const;
    for (const [close, payout] of node.revoked) {
      // At its height some miner has the payout, whoever of the two is awake then.
      const chainNow = withBroadcast(withBroadcast(chain, close, machines.book), payout, machines.book);
      moves.push([`payee sends ${close}, which it has revoked`, { ...spent, chain: chainNow }]);
    }
  }
  return moves;
}

/** Either side goes down between two steps, and comes back with what it had stored; coming back it looks at the chain. */
function crashes(node: Node): readonly Move[] {
  const moves: Move[] = [];
  for (const side of ['payee', 'payer'] as const) {
    const isIdle = side === 'payee' ? node.request === undefined : node.request === undefined && node.reply === undefined;
    // A crash with nothing under way shows only by the block that is missed; with a message under way it is the loss of that message.
    if (node.budget.crashes > 0 && node.down[side] === undefined && isIdle) {
      const budget = { ...node.budget, crashes: node.budget.crashes - 1 };
      moves.push([`${side} crashes`, gone({ ...node, budget }, side)]);
    }
  }
  return moves;
}

/** A side looks at the chain as it is. What it does about it may be cut off by a crash. */
function looked(node: Node, side: Side, machines: Machines): readonly Move[] {
  const view = viewOf(node.chain, machines.book);
  // Whose outputs they are is told by the first.
  const told = [...view.deposits.values()].map((seen) => {
    const depth = 'depth' in seen ? seen.depth : '';
    return `${seen.kind} ${depth} ${'transaction' in seen ? machines.book.number(seen.transaction) : ''}`;
  });
  const question = `view ${told.join()}`;
  if (side === 'payee') {
    if (node.payee === undefined) return [['', node]];
    return after(node, 'payee', machines.payee(node.payee, view, node.chain, question), machines, 'payee looks');
  }
  return after(node, 'payer', machines.payer(node.payer, view, node.chain, question), machines, 'payer looks');
}

/** Both sides see a new chain, either of them first; who is down misses it, and is back one block later at most. */
function seen(node: Node, machines: Machines, name: string): readonly Move[] {
  const orders: readonly (readonly [Side, Side])[] = [
    ['payee', 'payer'],
    ['payer', 'payee'],
  ];
  return orders.flatMap((order) => seenBy(order, node, machines, name));
}

function seenBy(order: readonly Side[], node: Node, machines: Machines, name: string): readonly Move[] {
  let moves: readonly Move[] = [[name, node]];
  for (const side of order) {
    moves = moves.flatMap(([before, at]): readonly Move[] => {
      const missed = at.down[side];
      if (missed === 0) return [[before, { ...at, down: { ...at.down, [side]: 1 } }]];
      const { [side]: _, ...down } = at.down;
      const up = missed === undefined ? at : { ...at, down };
      return looked(up, side, machines).map(([look, next]): Move => [look === '' ? before : `${before}; ${look}`, next]);
    });
  }
  return moves;
}

/** A block with or without what it could hold, or others in place of the last ones. */
function blocks(node: Node, machines: Machines): readonly Move[] {
  const { chain, budget } = node;
  if (tipOf(chain) >= machines.book.setting.last) return [];
  const choices = minable(chain, machines.book);
  const moves: Move[] = choices.flatMap((number) =>
    seen({ ...node, chain: withBlock(chain, number, machines.book) }, machines, `a block with ${number}`),
  );
  const isIdle = choices.length === 0;
  if (isIdle || budget.delays > 0) {
    const left = { ...budget, delays: budget.delays - (isIdle ? 0 : 1) };
    moves.push(...seen({ ...node, budget: left, chain: withBlock(chain, undefined, machines.book) }, machines, 'an empty block'));
  }
  return [...moves, ...reorganisations(node, machines)];
}

function reorganisations(node: Node, machines: Machines): readonly Move[] {
  const { chain, budget } = node;
  if (budget.reorganisations === 0) return [];
  const left = { ...node, budget: { ...budget, reorganisations: budget.reorganisations - 1 } };
  const moves: Move[] = [];
  for (const depth of [1, 2]) {
    if (depth > chain.blocks.length || chain.blocks.slice(-depth).every((number) => number === undefined)) continue;
    const emptied = reorganised(chain, depth, undefined, machines.book);
    const isUnfunded = !isMined(emptied, FUNDING) && spendOf(emptied, machines.book) === undefined;
    const options = [undefined, ...(isUnfunded && depth === 2 ? [THIEF] : [])];
    for (const number of options) {
      const name = `${depth} blocks give way${number === undefined ? '' : ' to a theft of the funding'}`;
      moves.push(...seen({ ...left, chain: reorganised(chain, depth, number, machines.book) }, machines, name));
    }
  }
  return moves;
}
