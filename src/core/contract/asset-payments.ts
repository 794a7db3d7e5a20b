import { type Amount, add, amount, subtract, ZERO } from '../base/amount.ts';
import { type TxId, txId } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { TxOutput } from '../tx/transaction.ts';
import type { Deposit, Plan, RevocationHash, Terms } from './contract.ts';
import type { HashLock } from './pending.ts';

/** As picopayments has it: a deposit pays for its close, for what takes the close's output, and for what takes the rest. */
const CARRIERS = 3n;
const NO_TX: TxId = txId('00'.repeat(32));

/** The coins of the output that carries what a close pays: whoever takes it can pay as much as the close did. */
export function carrierOf({ coin, signing }: Pick<Terms, 'coin' | 'signing'>): Amount {
  return add(coin.policy.dust, signing.kind === 'fixed' ? signing.fee : ZERO);
}

/** The coins of a deposit of a channel that holds an asset: neither more nor less, so that both sides know them from the terms. */
function depositCoins(terms: Pick<Terms, 'coin' | 'signing'>): Amount {
  return amount(CARRIERS * carrierOf(terms));
}

/** The coins that a deposit of such a value takes. */
export function coinsFor(terms: Pick<Terms, 'coin' | 'signing' | 'asset'>, value: Amount): Amount {
  return terms.asset === undefined ? value : depositCoins(terms);
}

/**
 * Whether payments can be taken back. Any coin at a script moves what an asset has there: where payouts open by age, a coin that a payee has laid at the
 * script of a close long before is old enough when it sends that close, revoked or not, and no penalty comes before it.
 */
export function canGiveBack({ contract: { revocation }, asset }: Pick<Terms, 'contract' | 'asset'>): boolean {
  return revocation !== undefined && (asset === undefined || revocation.opensBy === 'height');
}

/** A deposit with its coins, where those are not what it is worth. */
export function withCoins(terms: Terms, { outpoint, value }: Deposit): Deposit {
  return terms.asset === undefined ? { outpoint, value } : { outpoint, value, coins: depositCoins(terms) };
}

/** The outputs behind the receiver's that send so much of the channel's asset, in a transaction whose first input is of `first`; none for coins. */
export function sendOutputs({ asset }: Pick<Terms, 'asset'>, quantity: bigint, first: TxId | undefined): readonly TxOutput[] {
  if (asset === undefined || quantity === 0n || first === undefined) return [];
  return asset.codec.outputs({ asset: asset.number, quantity }, first);
}

/** The bytes of those outputs. */
export function sendBytes(terms: Pick<Terms, 'asset'>): number {
  return sendOutputs(terms, 1n, NO_TX).reduce((sum, { script }) => sum + 8 + 1 + script.length, 0);
}

/**
 * A total of an asset out of the one deposit. All closes spend that output, so no two of them can be mined, whatever other coins lie at the script: any
 * of those would move the asset too.
 */
export function layOutAsset(
  deposits: readonly Deposit[],
  total: Amount,
  hash: RevocationHash | undefined,
  locks: readonly HashLock[],
): Omit<Plan, 'inputs'> | Refusal {
  const [deposit, ...others] = deposits;
  if (locks.length > 0) return refuse('contract-unfit', { reason: 'a send has one receiver: no part of an asset can be pending' });
  if (others.length > 0) return refuse('contract-unfit', { reason: 'a channel of an asset has one deposit' });
  if (deposit === undefined || total > deposit.value) return refuse('total-above-capacity', { total, most: deposit?.value ?? 0n });
  return { total, change: subtract(deposit.value, total), ...(hash && { hash }) };
}

/**
 * picopayments' commit: to what holds the payee's part, the data of the send, and all other coins back to the deposit's own script, where the rest of
 * the asset stays.
 */
export function assetOutputs(terms: Terms, { total, hash, inputs: [input] }: Plan): readonly TxOutput[] {
  const carrier = carrierOf(terms);
  const fee = terms.signing.kind === 'fixed' ? terms.signing.fee : ZERO;
  const rest = subtract(subtract(depositCoins(terms), carrier), fee);
  return [
    { value: carrier, script: terms.contract.paysTo(terms, hash) },
    ...sendOutputs(terms, total, input?.deposit.outpoint.txid),
    { value: rest, script: terms.contract.outputScript(terms) },
  ];
}
