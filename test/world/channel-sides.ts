import { type Amount, amount, ZERO } from '../../src/core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { signer } from '../../src/core/tx/sign.ts';
import type { Driven } from '../../src/engine/channel-driver.ts';
import type { Book } from '../../src/engine/engine.ts';
import type { Chain, Clock, Indexer, KeyRing, Random } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import type { Verifier } from '../../src/engine/verifier.ts';
import { type Merchant, openMerchant } from '../../src/merchant/merchant.ts';
import type { MerchantTerms } from '../../src/merchant/terms.ts';
import { type Agent, type AgentOptions, openAgent } from '../../src/payer/agent.ts';
import type { WireFormat } from '../../src/payer/wire-format.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { openWallet, type Wallet } from '../../src/wallet/wallet.ts';
import { shortTerms } from './short-terms.ts';

/** Blocks from which a deposit counts. */
export const DEPTH = 2;

export const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) };

export interface SidesOptions {
  readonly terms?: Partial<MerchantTerms>;
  /** The most that all channels together deliver before their deposits are deep enough. */
  readonly exposure?: Amount;
  readonly form?: WireFormat;
  /** Each side's own node, where they are not one. */
  readonly nodes?: { readonly payer?: Chain; readonly payee?: Chain };
  /** The system's unless given. */
  readonly clock?: Clock;
  /** The merchant is paid to a key that it has not at hand. */
  readonly isCold?: boolean;
  /** What the merchant keeps up to date on its channels. */
  readonly books?: (keys: KeyRing) => readonly Book<PayeeState>[];
  /** What the payer keeps up to date for its watcher. */
  readonly punishing?: (keys: KeyRing) => Pick<AgentOptions, 'books' | 'beforeStored'>;
  /** What the merchant asks about an asset. */
  readonly indexer?: Indexer;
  /** The merchant takes what it can only forward. */
  readonly isForwarding?: boolean;
  /** Before the merchant shows a secret. */
  readonly beforeRevoking?: (merchant: Merchant, channel: ChannelId) => Promise<void>;
}

/** A merchant and a payer who have not met, each with keys and a store of its own. */
export interface Sides {
  readonly merchant: Merchant;
  readonly agent: Agent;
  readonly wallet: Wallet;
  readonly payeeScript: Uint8Array;
  /** What blocks led to, in order: `payee: accepted` for a broadcast, or a refusal's code. */
  readonly events: string[];
  /** The keys of both sides, for what a test does by hand. */
  readonly keys: { readonly payer: KeyRing; readonly payee: KeyRing };
  readonly clock: Clock;
}

/** What the one thing for sale costs: twice dust, so that the first payment covers its own close. */
export function priceOn(coin: Coin): Amount {
  return amount(coin.policy.dust * 2n);
}

/** A fresh merchant and a fresh payer, whose wallet is empty. */
export async function openSides(chain: Chain, { verify }: Verifier, options: SidesOptions): Promise<Sides> {
  const {
    terms = {},
    form = 'compact',
    exposure = ZERO,
    books = () => [],
    nodes = {},
    clock = { now: Date.now },
    isCold = false,
    isForwarding = false,
    indexer,
    beforeRevoking = async () => undefined,
    punishing = () => ({}),
  } = options;
  const { coin } = chain;
  const events: string[] = [];
  const onEvent = (side: string) => (_: ChannelId, event: Driven<unknown> | Refusal | Error) =>
    void events.push(...textsOf(event).map((text) => `${side}: ${text}`));
  const common = { verify, clock, random };
  const { payer = chain, payee = chain } = nodes;
  const payout = signer(random.bytes(32));
  const payeeScript = p2pkh(payout.publicKey);
  const keys = { payer: seedKeyRing(coin, random.bytes(32), fastestSigner()), payee: seedKeyRing(coin, random.bytes(32), fastestSigner()) };
  const merchant: Merchant = openMerchant({
    ...common,
    chain: payee,
    onEvent: onEvent('payee'),
    books: books(keys.payee),
    isForwarding,
    ...(indexer && { indexer }),
    beforeRevoking: (channel) => beforeRevoking(merchant, channel),
    store: memoryStore(),
    identity: random.bytes(16),
    exposure,
    keys: keys.payee,
    keyOf: (script) => (!isCold && equalBytes(script, payeeScript) ? payout : undefined),
    terms: { ...shortTerms(coin, terms.contract), depth: [{ upTo: amount(10n ** 18n), blocks: DEPTH }], ...terms },
    prices: new Map([['tea', { text: 'A cup of tea', price: priceOn(coin) }]]),
    payeeScript,
  });
  const store = memoryStore();
  const wallet = await openWallet({ chain: payer, store, keys: keys.payer });
  const kept = punishing(keys.payer);
  const agent = openAgent({ ...common, chain: payer, onEvent: onEvent('payer'), store, keys: keys.payer, wallet, form, ...kept });
  return { merchant, agent, wallet, payeeScript, events, keys, clock };
}

function textsOf(event: Driven<unknown> | Refusal | Error): readonly string[] {
  if (event instanceof Error) return [event.message];
  return isRefusal(event)
    ? [event.code]
    : event.broadcasts.map(({ outcome }) => (outcome instanceof Error ? outcome.message : outcome.kind));
}
