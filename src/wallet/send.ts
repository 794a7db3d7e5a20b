import type { Amount } from '../core/base/amount.ts';
import type { TxId } from '../core/base/bytes.ts';
import { p2pkh } from '../core/tx/script.ts';
import { isTaken, type SeedRing, WorldError } from '../engine/ports.ts';
import { dropTransaction } from './apply-block.ts';
import { balanceOf, spendableOutputs } from './balance.ts';
import { type Funding, reserve, selectionError, signTransaction, unsignedTransaction } from './build-transaction.ts';
import { type Payee, type Selection, selectAll, selectInputs } from './coin-selection.ts';
import { branchKeyName, handOutWithin } from './key-branch.ts';
import type { Mempool } from './mempool.ts';
import { blankRecoveryNote, type RecoveryNote, withRecoveryNote } from './recovery-note.ts';
import type { OwnOutput, OwnTransaction, Stage } from './state.ts';
import { branchOf, coverKeys, loadStoredWallet, type StoredWallet, updateStoredWallet } from './stored-wallet.ts';
import type { ScanContext } from './sync.ts';

export interface WalletContext extends ScanContext {
  readonly keys: SeedRing;
  readonly mempool: Mempool;
}

export interface SpendOptions {
  /** Rate per 1,000 bytes; unless given, the node's estimate for a soon confirmation; at least the coin's own floor. */
  readonly feeRate?: Amount;
  /**
   * What recovery from the seed needs to know about a deposit. It is sealed in an output after the payees. The transaction has the contract's form.
   */
  readonly note?: RecoveryNote;
  /** The purpose of the transaction: `transactions()` shows it after a crash. */
  readonly label?: string;
  /**
   * Also spends change of own transactions that no block holds yet. Such a transaction becomes invalid when the id of its parent is changed on the
   * way, which others can do on a chain without SegWit: not for channel deposits.
   */
  readonly unconfirmedChange?: boolean;
}

/** Inputs of one sweep transaction: signing time grows with their square. */
const SWEEP_INPUTS = 250;

/**
 * Signs a transaction that pays `payees` in their order, change last. Before it returns, its inputs are reserved: no other transaction can use them.
 */
export async function fund(context: WalletContext, payees: readonly Payee[], stage: Stage, options: SpendOptions): Promise<Funding> {
  const { coin, store, keys, gaps, watch } = context;
  const feeRate = options.feeRate ?? (await context.chain.feeRate());
  return updateStoredWallet(store, coin, (ledger) => {
    coverKeys(ledger, watch, gaps);
    const { index, branch } = handOutWithin(branchOf(ledger, 'change'), gaps.change);
    const changeScript = p2pkh(keys.signer(branchKeyName(coin, 'change', index)).publicKey);
    const candidates = spendableOutputs(coin, ledger, context.mempool, options.unconfirmedChange ?? false);
    const contract = options.note?.terms.contract;
    const wanted = contract === undefined ? payees : [...payees, blankRecoveryNote(contract)];
    const { inputs, change, fee } = demand(context, ledger, selectInputs(coin, candidates, { payees: wanted, changeScript, feeRate }));
    if (change > 0n) ledger.branches.set('change', branch);
    const outputs = change > 0n ? [...wanted, { script: changeScript, value: change }] : wanted;
    const unsigned = unsignedTransaction(inputs, outputs, contract?.form);
    const transaction = signTransaction(
      keys,
      inputs,
      options.note ? withRecoveryNote(unsigned, options.note, keys.noteSecret()) : unsigned,
    );
    return { txid: reserve(ledger, watch, inputs, { transaction, label: options.label ?? '', stage }), transaction, fee };
  });
}

/** Signs and broadcasts transactions that move every confirmed output that is worth its fee to `destination`. */
export async function sweep(context: WalletContext, destination: Uint8Array, options: SpendOptions): Promise<readonly Funding[]> {
  const { coin, store, keys, gaps, watch } = context;
  const feeRate = options.feeRate ?? (await context.chain.feeRate());
  const swept: Funding[] = [];
  for (;;) {
    const next = await updateStoredWallet(store, coin, (ledger) => {
      coverKeys(ledger, watch, gaps);
      const candidates = spendableOutputs(coin, ledger, context.mempool, false);
      const selection = selectAll(coin, candidates, { destination, feeRate, mostInputs: SWEEP_INPUTS });
      if (selection.kind === 'short' && swept.length > 0) return undefined;
      const { inputs, change, fee } = demand(context, ledger, selection);
      const transaction = signTransaction(keys, inputs, unsignedTransaction(inputs, [{ script: destination, value: change }]));
      const stage: Stage = { kind: 'published' };
      return { txid: reserve(ledger, watch, inputs, { transaction, label: options.label ?? '', stage }), transaction, fee };
    });
    if (next === undefined) return swept;
    await broadcastOrRelease(context, next);
    swept.push(next);
  }
}

/** Broadcasts a transaction that is stored as published. If the node refuses it, nobody else has it, so its inputs become free again. */
export async function broadcastOrRelease(context: WalletContext, { txid, transaction }: Funding): Promise<void> {
  const answer = await context.chain.broadcast(transaction);
  if (isTaken(answer)) return;
  await updateStoredWallet(context.store, context.coin, (ledger) => dropTransaction(ledger, txid));
  throw refusedByNode(txid, answer.reason);
}

/**
 * Broadcasts a reserved transaction; from then on the wallet broadcasts it again until a block holds it. @throws WorldError `node-refused`: it is
 * then reserved as before, or no longer in the wallet because its coins were spent by another transaction.
 */
export async function publish({ store, coin, chain }: WalletContext, txid: TxId): Promise<void> {
  const own = await updateStoredWallet(store, coin, (ledger) => setStage(ledger, txid, { kind: 'published' }));
  if (own.stage.kind === 'mined') return;
  const answer = await chain.broadcast(own.transaction);
  if (isTaken(answer)) return;
  await updateStoredWallet(store, coin, (ledger) => setStage(ledger, txid, { kind: 'reserved' }));
  throw refusedByNode(txid, answer.reason);
}

/** Frees the inputs of a transaction. @returns false, without any change, when the wallet doesn't know it, or the node or a block holds it. */
export async function release({ store, coin, chain }: WalletContext, txid: TxId): Promise<boolean> {
  if ((await chain.transaction(txid)) !== undefined) return false;
  return updateStoredWallet(store, coin, (ledger) => {
    const own = ledger.transactions.get(txid);
    if (own === undefined || own.stage.kind === 'mined') return false;
    return dropTransaction(ledger, txid).length > 0;
  });
}

/** A transaction that the node refused when it was sent again. */
export interface RefusedTransaction {
  readonly txid: TxId;
  readonly reason: string;
}

/** Broadcasts again published transactions that have left the mempool, as happens after 24 hours on Dogecoin or a restart of the node. */
export async function rebroadcast({ store, coin, chain, mempool }: WalletContext): Promise<readonly RefusedTransaction[]> {
  const ledger = await loadStoredWallet(store, coin);
  let waiting = ledger.transactions.all().filter(({ txid, stage }) => stage.kind === 'published' && !mempool.has(txid));
  for (;;) {
    const refused = new Map<TxId, string>();
    for (const { txid, transaction } of waiting) {
      const answer = await chain.broadcast(transaction);
      if (!isTaken(answer)) refused.set(txid, answer.reason);
    }
    // A child may have come before its parent: so while any transaction is accepted, the others are tried again.
    if (refused.size === 0 || refused.size === waiting.length) return [...refused].map(([txid, reason]) => ({ txid, reason }));
    waiting = waiting.filter(({ txid }) => refused.has(txid));
  }
}

function refusedByNode(txid: TxId, reason: string): WorldError {
  return new WorldError('node-refused', `The node refused transaction ${txid}: ${reason}`, 'Synchronise the wallet and try again.');
}

/** A transaction in a block keeps that stage. */
function setStage(ledger: StoredWallet, txid: TxId, stage: Stage): OwnTransaction {
  const own = ledger.transactions.get(txid);
  // Another wallet with the same seed may have spent the coins meanwhile.
  if (own === undefined) throw refusedByNode(txid, 'its coins were spent by another transaction');
  const changed = own.stage.kind === 'mined' ? own : { ...own, stage };
  ledger.transactions.set(txid, changed);
  return changed;
}

type Selected = Extract<Selection<OwnOutput>, { kind: 'selected' }>;

function demand({ coin, mempool }: WalletContext, ledger: StoredWallet, selection: Selection<OwnOutput>): Selected {
  if (selection.kind === 'selected') return selection;
  throw selectionError(coin, selection, balanceOf(coin, ledger, mempool).pending);
}
