import type { Asset } from '../core/asset/asset-codec.ts';
import { type Amount, amount, feeFor, MAX_AMOUNT } from '../core/base/amount.ts';
import { after } from '../core/base/height.ts';
import { type ChainTime, present } from '../core/base/lock-time.ts';
import { keyNameOf } from '../core/channel/payee-open.ts';
import type { Coin, DepthStep, Span } from '../core/coin/coin.ts';
import { spendHashOf } from '../core/contract/age-lock.ts';
import { leastStake } from '../core/contract/anti-pinning.ts';
import type { Contract, Signing } from '../core/contract/contract.ts';
import { contracts } from '../core/contract/registry.ts';
import { closeSize } from '../core/contract/tx-size.ts';
import type { Offer } from '../core/message/message.ts';
import type { KeyRing, Random } from '../engine/ports.ts';

/** Seconds, converted to blocks, in which a payer has to announce a channel and get its first deposit mined. */
const OFFERED_FOR = 10_800;

/** What a merchant offers to every payer. An expiry is so many blocks from the tip, or seconds from now where the contract expires by time. */
export interface MerchantTerms extends Span {
  readonly contract: Contract;
  /**
   * A slot above 0 is for merchants that close several channels together (`Contract.close`): a channel in such a slot can't be closed alone, so the
   * merchant has to make its close at the margin.
   */
  readonly signing: Signing;
  readonly minDeposit: Amount;
  readonly maxDeposit: Amount;
  readonly depth: readonly DepthStep[];
  /**
   * What one channel delivers before its deposits are deep enough. A payer can open any number of channels, so `EngineOptions.exposure` limits all of
   * them together.
   */
  readonly unconfirmed?: Amount;
  /** What all amounts are of; the coin unless given. `MerchantOptions.indexer` has to know it. */
  readonly asset?: Asset;
  /** Blocks from the expiry to the payout, where payments can be taken back: no less than both sides ask for. */
  readonly payoutDelay?: number;
}

const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };
/** A fee that can't be changed has to do whatever fees come to; payers agree to ten times the usual. */
const FIXED_FACTOR = 10n;

/** How payments are signed unless the merchant says otherwise. */
export function usualSigning(coin: Coin, contract: Contract): Signing {
  return contract.revocation === undefined ? FLEXIBLE : fixedSigning(coin, contract);
}

/** With the fee that is usual where it can't be changed: only such payments can be taken back, or go through a hub. */
export function fixedSigning(coin: Coin, contract: Contract): Signing {
  const size = closeSize({ contract }, 1, 2);
  return { kind: 'fixed', fee: amount(FIXED_FACTOR * feeFor(size, coin.policy.feeRate)) };
}

/**
 * The smallest deposit allows a total that is worth a close even if somebody delays it (`leastStake`); the largest limits what one payer can lock up.
 */
export function defaultTerms(
  coin: Coin,
  contract: Contract = contracts[0],
  signing: Signing = usualSigning(coin, contract),
): MerchantTerms {
  const { span, depth } = coin.channel;
  const { dust, feeRate } = coin.policy;
  return {
    ...span[contract.expiresBy],
    contract,
    signing,
    minDeposit: roundedUp(leastStake({ coin, contract, signing, payeeScript: longestPayout(coin) }, feeRate), dust),
    maxDeposit: amount(dust * 10_000_000n),
    depth,
    ...(contract.revocation && { payoutDelay: contract.revocation.leastPayoutDelay(coin) }),
  };
}

/** Terms in an asset's own unit. A deposit of any size counts only when no reorganisation will undo it, since the indexer follows blocks. */
export function assetTerms(
  coin: Coin,
  contract: Contract,
  asset: Asset,
  limits: Pick<MerchantTerms, 'minDeposit' | 'maxDeposit'>,
): MerchantTerms {
  const { minDeposit: _, ...usual } = defaultTerms(coin, contract);
  return { ...usual, ...limits, asset, depth: [{ upTo: MAX_AMOUNT, blocks: coin.channel.buried }] };
}

/** The longest output script that a close may pay to: P2WSH or P2TR where the coin has them, otherwise P2PKH. */
function longestPayout({ prefix }: Coin): Uint8Array {
  return new Uint8Array(prefix.bech32 === undefined ? 25 : 34);
}

function roundedUp(value: Amount, step: Amount): Amount {
  return amount(((value + step - 1n) / step) * step);
}

/**
 * Seed step 2. Nothing is stored: the key is derived from the offer, so it can be derived again when the offer comes back. Where the payee signs
 * refunds, only the shortest lifetime is offered.
 */
export function makeOffer(
  coin: Coin,
  terms: MerchantTerms,
  payeeScript: Uint8Array,
  at: ChainTime,
  keys: KeyRing,
  random: Random,
  store: Uint8Array,
): Offer {
  const { minLifetime, maxLifetime, ...rest } = terms;
  const from = present(terms.contract.expiresBy, at);
  const isByAge = terms.contract.expiryIn === 'age';
  const offered = {
    ...rest,
    coin,
    payeeScript,
    minExpiry: after(from, minLifetime),
    maxExpiry: after(from, terms.contract.expiryIn === 'releases' ? minLifetime : maxLifetime),
    // Counted from a block below any that can hold the deposit, even after the deepest reorganisation.
    ...(isByAge && { refundAge: minLifetime + coin.channel.buried }),
    nonce: random.bytes(16),
    origin: { store, until: after(at.tip, Math.ceil(OFFERED_FOR / coin.blockSeconds)) },
  };
  const key = keys.signer(keyNameOf(offered));
  return { kind: 'offer', ...offered, payeeKey: key.publicKey, ...(isByAge && { spendHash: spendHashOf(key) }) };
}
