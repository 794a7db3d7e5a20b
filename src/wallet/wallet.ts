import type { Amount } from '../core/base/amount.ts';
import type { TxId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import { addressOf, scriptOf } from '../core/tx/address.ts';
import { p2pkh } from '../core/tx/script.ts';
import type { Signer } from '../core/tx/sign.ts';
import { locatorTip } from '../engine/block-locator.ts';
import { type Chain, type SeedRing, type Store, WorldError } from '../engine/ports.ts';
import { type Balance, balanceOf } from './balance.ts';
import { ensureCursor } from './birthday.ts';
import type { Funding } from './build-transaction.ts';
import type { Payee } from './coin-selection.ts';
import { branchKeyName, handOutOnce, handOutWithin, markUsed } from './key-branch.ts';
import { watchMempool } from './mempool.ts';
import {
  broadcastOrRelease,
  fund,
  publish,
  type RefusedTransaction,
  rebroadcast,
  release,
  type SpendOptions,
  sweep,
  type WalletContext,
} from './send.ts';
import type { OwnTransaction } from './state.ts';
import { branchOf, coverKeys, cursorOf, GAP_LIMITS, type GapLimits, loadStoredWallet, updateStoredWallet } from './stored-wallet.ts';
import { type ScanProgress, scanBlocks } from './sync.ts';
import { watchKeys } from './watched-keys.ts';

export interface SyncReport {
  readonly height: Height;
  /** Blocks that the node had deleted before the wallet read them: payments in those are not counted. */
  readonly unread: number;
  /** Own transactions that a block has made impossible: one of their inputs was spent by another. Their other inputs are free again. */
  readonly dead: readonly TxId[];
  /** Published transactions that the node refused when sent again. `release` gives one up. */
  readonly refused: readonly RefusedTransaction[];
}

/**
 * An on-chain wallet of P2PKH keys from one seed. It finds its money by reading blocks, so any node of the chain can be used. Everything important is
 * in the store: several wallets, also in several processes, may use one store at a time. Every call throws `WorldError` when the node or the store
 * fails.
 */
export interface Wallet {
  /** Reads the blocks since the last call, follows reorganisations, reads the mempool, and broadcasts published transactions again. */
  readonly sync: (onProgress?: ScanProgress) => Promise<SyncReport>;
  /** As of the last `sync`. */
  readonly balance: () => Promise<Balance>;
  /** An address that has not been paid. After 20 unpaid ones the first is given again, so that a restored wallet finds every payment. */
  readonly receiveAddress: () => Promise<string>;
  /**
   * Name of a channel key that was never given before and never will be again, even after a crash. Payments to its P2PKH script belong to the wallet.
   */
  readonly nextChannelKey: () => Promise<string>;
  /** Never again gives the channel key of this index or any before it: channels found on the chain use them. */
  readonly keepChannelKeys: (upTo: number) => Promise<void>;
  /** Adds one more own key, whose P2PKH outputs count from the blocks of the next `sync` on. */
  readonly watch: (keyName: string) => Promise<void>;
  /** The key that an output script pays to, if the last `sync` looked for it. */
  readonly keyOf: (script: Uint8Array) => Signer | undefined;
  /**
   * Signs a transaction with these outputs first and in this order. Its inputs are safely reserved before it returns. The caller broadcasts it, calls
   * `publish`, or gives it up with `release`. @throws WorldError `wallet-short` when there is not enough, `config` for an output below dust or a fee
   * above the coin's limit.
   */
  readonly fund: (payees: readonly Payee[], options?: SpendOptions) => Promise<Funding>;
  readonly publish: (txid: TxId) => Promise<void>;
  /** False, without any change, when the transaction is unknown here, or known to the node: then it may still be mined. */
  readonly release: (txid: TxId) => Promise<boolean>;
  /** Pays to an address and broadcasts; it is stored first, so a crash only delays it. @throws WorldError as `fund`, or `node-refused`. */
  readonly send: (address: string, value: Amount, options?: SpendOptions) => Promise<Funding>;
  /** Moves all confirmed money to an address, in several transactions if there are many outputs. @throws WorldError as `send`. */
  readonly sweep: (address: string, options?: SpendOptions) => Promise<readonly Funding[]>;
  /** Own transactions that a reorganisation could still undo or that are not mined: after a crash, these include the ones to finish or release. */
  readonly transactions: () => Promise<readonly OwnTransaction[]>;
}

export interface WalletOptions {
  readonly chain: Chain;
  readonly store: Store;
  readonly keys: SeedRing;
  /** For a wallet that is new to this store: no block up to this height holds money of its seed. Absent: a new seed, so the tip. */
  readonly birthday?: Height;
  readonly gaps?: GapLimits;
}

/** @throws WorldError `config` when the store belongs to another seed, and when node or store fail. */
export async function openWallet({ chain, store, keys, birthday, gaps = GAP_LIMITS }: WalletOptions): Promise<Wallet> {
  const { coin } = chain;
  await ensureCursor(chain, store, keys, birthday);
  const watch = watchKeys(coin, keys);
  const context: WalletContext = { coin, chain, store, keys, gaps, watch, mempool: watchMempool(chain) };
  return {
    sync: async (onProgress) => syncAll(context, onProgress),
    balance: async () => balanceOf(coin, await loadStoredWallet(store, coin), context.mempool),
    receiveAddress: async () => receiveAddress(context),
    nextChannelKey: async () => nextChannelKey(context),
    keepChannelKeys: async (upTo) =>
      updateStoredWallet(store, coin, (ledger) => ledger.branches.set('channel', markUsed(branchOf(ledger, 'channel'), upTo))),
    watch: async (key) => updateStoredWallet(store, coin, (ledger) => watchKey(context, ledger, key)),
    keyOf: (script) => {
      const found = watch.paidTo(script);
      return found && keys.signer(found.name);
    },
    fund: async (payees, options = {}) => fund(context, payees, { kind: 'reserved' }, options),
    publish: async (txid) => publish(context, txid),
    release: async (txid) => release(context, txid),
    send: async (address, value, options = {}) => {
      const funding = await fund(context, [{ script: scriptFor(context, address), value }], { kind: 'published' }, options);
      await broadcastOrRelease(context, funding);
      return funding;
    },
    sweep: async (address, options = {}) => sweep(context, scriptFor(context, address), options),
    transactions: async () => (await loadStoredWallet(store, coin)).transactions.all(),
  };
}

async function syncAll(context: WalletContext, onProgress?: ScanProgress): Promise<SyncReport> {
  const dead = await scanBlocks(context, onProgress);
  await context.mempool.refresh(context.watch);
  const refused = await rebroadcast(context);
  const ledger = await loadStoredWallet(context.store, context.coin);
  const { trail, unread = 0 } = cursorOf(ledger);
  return { height: locatorTip(trail).height, unread, dead, refused };
}

async function receiveAddress(context: WalletContext): Promise<string> {
  const { coin, store, keys, gaps } = context;
  await finishRestoring(context);
  const index = await updateStoredWallet(store, coin, (ledger) => {
    const next = handOutWithin(branchOf(ledger, 'receive'), gaps.receive);
    ledger.branches.set('receive', next.branch);
    return next.index;
  });
  const address = addressOf(coin, p2pkh(keys.signer(branchKeyName(coin, 'receive', index)).publicKey));
  if (address === undefined) throw new TypeError('a P2PKH script has an address');
  return address;
}

async function nextChannelKey(context: WalletContext): Promise<string> {
  const { coin, store } = context;
  await finishRestoring(context);
  const index = await updateStoredWallet(store, coin, (ledger) => {
    const next = handOutOnce(branchOf(ledger, 'channel'));
    ledger.branches.set('channel', next.branch);
    return next.index;
  });
  return branchKeyName(coin, 'channel', index);
}

/** A restored wallet learns from the chain which of its keys are used, and must not give those out again. */
async function finishRestoring(context: WalletContext): Promise<void> {
  const { kind } = cursorOf(await loadStoredWallet(context.store, context.coin));
  if (kind === 'restoring') await scanBlocks(context);
}

function watchKey({ watch, gaps }: WalletContext, ledger: Parameters<typeof coverKeys>[0], key: string): void {
  if (ledger.watched.get(key) === undefined) ledger.watched.set(key, { key });
  coverKeys(ledger, watch, gaps);
}

/** @throws WorldError `config` for an address that pawment can't pay to on this coin. */
function scriptFor({ coin }: WalletContext, address: string): Uint8Array {
  const script = scriptOf(coin, address);
  if (script === undefined) throw new WorldError('config', `${address} is not an address on ${coin.id}.`, 'Check it for typing errors.');
  return script;
}
