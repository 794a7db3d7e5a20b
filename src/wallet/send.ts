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
  /** Units per 1,000 bytes; what the node thinks confirms soon when absent, the coin's own floor at least. */
  readonly feeRate?: Amount;
  /** What recovery from the seed needs to know of a deposit: goes into an output behind the payees, sealed. The transaction has the contract's form. */
  readonly note?: RecoveryNote;
  /** What the transaction is for: found again in `transactions()` after a crash. */
  readonly label?: string;
  /**
   * Also takes change of own transactions that no block holds yet. Such a transaction is lost when its parent is altered on the way, which
   * a chain without SegWit lets others do: not for channel deposits.
   */
  readonly unconfirmedChange?: boolean;
}

/** Inputs of one sweep transaction: signing time grows with their square. */
const SWEEP_INPUTS = 250;

/** Signs a transaction that pays `payees` in their order, change last, and makes its inputs unavailable to any other before it returns. */
export async function fund(context: WalletContext, payees: readonly Payee[], stage: Stage, options: SpendOptions): Promise<Funding> {
  const { coin, store, keys, gaps, watch } = context;
  const feeRate = options.feeRate ?? (await context.chain.feeRate());
  return updateStoredWallet(store, coin, (ledger) => {
    coverKeys(ledger, watch, gaps);
    const { index, branch } = handOutWithin(branchOf(ledger, 'change'), gaps.change);
    const changeScript = p2pkh(keys.signer(branchKeyName(coin, 'change', index)).publicKey);
    const candidates = spendableOutputs(coin, ledger, context.mempool, options.unconfirmedChange ?? false);
    const form = options.note?.terms.contract.form;
    const wanted = form === undefined ? payees : [...payees, blankRecoveryNote(form)];
    const { inputs, change, fee } = demand(context, ledger, selectInputs(coin, candidates, { payees: wanted, changeScript, feeRate }));
    if (change > 0n) ledger.branches.set('change', branch);
    const outputs = change > 0n ? [...wanted, { script: changeScript, value: change }] : wanted;
    const unsigned = unsignedTransaction(inputs, outputs, form);
    const transaction = signTransaction(
      keys,
      inputs,
      options.note ? withRecoveryNote(unsigned, options.note, keys.noteSecret()) : unsigned,
    );
    return { txid: reserve(ledger, watch, inputs, { transaction, label: options.label ?? '', stage }), transaction, fee };
  });
}

/** Signs and broadcasts transactions that move every confirmed output worth its fee to `destination`. */
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

/** Broadcasts a transaction that is stored as published. When the node refuses it nobody has it, so its inputs are free again. */
export async function broadcastOrRelease(context: WalletContext, { txid, transaction }: Funding): Promise<void> {
  const answer = await context.chain.broadcast(transaction);
  if (isTaken(answer)) return;
  await updateStoredWallet(context.store, context.coin, (ledger) => dropTransaction(ledger, txid));
  throw refusedByNode(txid, answer.reason);
}

/**
 * Hands a reserved transaction to the chain; from here on the wallet broadcasts it until a block holds it.
 * @throws WorldError `node-refused`, and then it is reserved as before; or it is the wallet's no more, since its coins were spent otherwise.
 */
export async function publish({ store, coin, chain }: WalletContext, txid: TxId): Promise<void> {
  const own = await updateStoredWallet(store, coin, (ledger) => setStage(ledger, txid, { kind: 'published' }));
  if (own.stage.kind === 'mined') return;
  const answer = await chain.broadcast(own.transaction);
  if (isTaken(answer)) return;
  await updateStoredWallet(store, coin, (ledger) => setStage(ledger, txid, { kind: 'reserved' }));
  throw refusedByNode(txid, answer.reason);
}

/**
 * Gives the inputs of a transaction back.
 * @returns false, and nothing changes, when the wallet doesn't know it, the node holds it, or a block does.
 */
export async function release({ store, coin, chain }: WalletContext, txid: TxId): Promise<boolean> {
  if ((await chain.transaction(txid)) !== undefined) return false;
  return updateStoredWallet(store, coin, (ledger) => {
    const own = ledger.transactions.get(txid);
    if (own === undefined || own.stage.kind === 'mined') return false;
    return dropTransaction(ledger, txid).length > 0;
  });
}

/** A transaction that the node would not take again. */
export interface RefusedTransaction {
  readonly txid: TxId;
  readonly reason: string;
}

/** Broadcasts again what is published and has left the mempool, as it does after 24 hours on Dogecoin or a restart of the node. */
export async function rebroadcast({ store, coin, chain, mempool }: WalletContext): Promise<readonly RefusedTransaction[]> {
  const ledger = await loadStoredWallet(store, coin);
  let waiting = ledger.transactions.all().filter(({ txid, stage }) => stage.kind === 'published' && !mempool.has(txid));
  for (;;) {
    const refused = new Map<TxId, string>();
    for (const { txid, transaction } of waiting) {
      const answer = await chain.broadcast(transaction);
      if (!isTaken(answer)) refused.set(txid, answer.reason);
    }
    // A child may have come before its parent: as long as one was taken, the others have another try.
    if (refused.size === 0 || refused.size === waiting.length) return [...refused].map(([txid, reason]) => ({ txid, reason }));
    waiting = waiting.filter(({ txid }) => refused.has(txid));
  }
}

function refusedByNode(txid: TxId, reason: string): WorldError {
  return new WorldError('node-refused', `The node refused transaction ${txid}: ${reason}`, 'Synchronise the wallet and try again.');
}

/** A transaction that a block holds stays so. */
function setStage(ledger: StoredWallet, txid: TxId, stage: Stage): OwnTransaction {
  const own = ledger.transactions.get(txid);
  // Whoever has the same seed may have spent the coins in the meantime.
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
