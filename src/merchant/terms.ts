import { type Amount, amount } from '../core/base/amount.ts';
import { after } from '../core/base/height.ts';
import { type ChainTime, present } from '../core/base/lock-time.ts';
import { keyNameOf } from '../core/channel/payee-open.ts';
import type { Coin, DepthStep, Span } from '../core/coin/coin.ts';
import { leastStake } from '../core/contract/anti-pinning.ts';
import type { Contract, Signing } from '../core/contract/contract.ts';
import { contracts } from '../core/contract/registry.ts';
import type { Offer } from '../core/message/message.ts';
import type { KeyRing, Random } from '../engine/ports.ts';

/** Seconds, by the blocks they take, in which a payer announces a channel and has its first deposit mined. */
const OFFERED_FOR = 10_800;

/** What a merchant offers to every payer. An expiry is so many blocks from the tip, or seconds from now where the contract expires by time. */
export interface MerchantTerms extends Span {
  readonly contract: Contract;
  /**
   * A slot above 0 is for merchants that close several channels together (`Contract.close`): a channel in it can't be closed alone, so the
   * closes at the margin are theirs to make.
   */
  readonly signing: Signing;
  readonly minDeposit: Amount;
  readonly maxDeposit: Amount;
  readonly depth: readonly DepthStep[];
  /** What one channel delivers before its deposits are deep enough. Its keys are fresh, so a payer is a channel; `EngineOptions.exposure` bounds them all. */
  readonly unconfirmed?: Amount;
}

const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };

/** The smallest deposit is one that a channel can grow to be worth a hindered close with (`leastStake`); the largest bounds what one payer can tie up. */
export function defaultTerms(coin: Coin, contract: Contract = contracts[0], signing: Signing = FLEXIBLE): MerchantTerms {
  const { span, depth } = coin.channel;
  const { dust, feeRate } = coin.policy;
  return {
    ...span[contract.expiresBy],
    contract,
    signing,
    minDeposit: roundedUp(leastStake({ coin, contract, signing, payeeScript: longestPayout(coin) }, feeRate), dust),
    maxDeposit: amount(dust * 10_000_000n),
    depth,
  };
}

/** Closes may pay to P2WSH or P2TR where the coin has them, and to P2PKH on all. */
function longestPayout({ prefix }: Coin): Uint8Array {
  return new Uint8Array(prefix.bech32 === undefined ? 25 : 34);
}

function roundedUp(value: Amount, step: Amount): Amount {
  return amount(((value + step - 1n) / step) * step);
}

/**
 * Seed step 2. Nothing is stored: the key comes from the offer itself, so it can be made again when the offer comes back. Where the payee signs
 * refunds, the shortest lifetime is the only one.
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
  const offered = {
    ...rest,
    coin,
    payeeScript,
    minExpiry: after(from, minLifetime),
    maxExpiry: after(from, terms.contract.expiryIn === 'script' ? maxLifetime : minLifetime),
    nonce: random.bytes(16),
    origin: { store, until: after(at.tip, Math.ceil(OFFERED_FOR / coin.blockSeconds)) },
  };
  const payeeKey = keys.signer(keyNameOf(offered)).publicKey;
  return { kind: 'offer', ...offered, payeeKey };
}
