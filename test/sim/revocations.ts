import { bytesToHex, hexToBytes } from '../../src/core/base/bytes.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { HeldOutput, Payment, RevocationHash, Terms } from '../../src/core/contract/contract.ts';
import { heldRevocationSecret } from '../../src/core/contract/revocation-secrets.ts';
import { hash160 } from '../../src/core/tx/script.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';

/** Seconds within which a side looks at the chain, and once more within which what it sends is mined. */
const REACTION_SECONDS = 43_200;

/** What was signed in a channel, under which hash, and what of that was taken back, as only the simulator knows it. */
export class Revocations {
  readonly #terms: Terms;
  /** The largest total under each hash; where there is none, as in ends, under ''. */
  readonly #signed = new Map<string, bigint>();
  /** Hashes whose secrets the payer has stored. */
  readonly #kept = new Set<string>();
  /** Hashes whose secrets have left the payee. */
  readonly #shown = new Set<string>();
  /** The payer's best total, as its disk says. */
  #best = 0n;
  readonly #orders = new Map<string, bigint>();
  /** Secrets that the payee owes, as its disk says. */
  era = 0;
  /** The sum of what was given back. */
  returned = 0n;

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  get isPossible(): boolean {
    return this.#terms.contract.revocation !== undefined;
  }

  /** Why the payer may not have the time that it needs for a penalty, twice over. */
  get tooNear(): string | undefined {
    const { revocation, coin } = this.#terms;
    const least = 4 * Math.ceil(REACTION_SECONDS / coin.blockSeconds) + coin.channel.buried;
    return revocation !== undefined && revocation.payoutDelay < least
      ? `a payout ${revocation.payoutDelay} blocks behind the expiry`
      : undefined;
  }

  signed({ total, hash }: Pick<Payment, 'total' | 'hash'>): void {
    const key = hash === undefined ? '' : bytesToHex(hash);
    if (total > (this.#signed.get(key) ?? 0n)) this.#signed.set(key, total);
  }

  ordered(order: string, value: bigint): void {
    this.#orders.set(order, value);
  }

  /** All that the owner ever meant to give back. */
  get meant(): bigint {
    return [...this.#orders.values()].reduce((sum, value) => sum + value, 0n);
  }

  /** The payer has this on its disk. Returns what has come back to it by that, which it may then spend again. */
  kept({ revocation, best }: PayerState): bigint {
    const before = this.#best;
    this.#best = best?.total ?? 0n;
    if (revocation === undefined || revocation.index === this.#kept.size) return 0n;
    for (let i = this.#kept.size; i < revocation.index; i++) {
      const secret = heldRevocationSecret(revocation.secrets, i);
      if (secret !== undefined) this.#kept.add(bytesToHex(hash160(secret)));
    }
    return before > this.#best ? before - this.#best : 0n;
  }

  shown(hash: RevocationHash): void {
    this.#shown.add(bytesToHex(hash));
  }

  wasShown(hash: RevocationHash): boolean {
    return this.#shown.has(bytesToHex(hash));
  }

  /** Hashes whose secrets have left the payee, in hex. */
  get all(): ReadonlySet<string> {
    return this.#shown;
  }

  isRevoked(hash: RevocationHash): boolean {
    return this.#kept.has(bytesToHex(hash));
  }

  /** The largest total that the payer signed and has no secret against. */
  get bound(): bigint {
    return [...this.#signed].reduce((most, [hash, total]) => (!this.#kept.has(hash) && total > most ? total : most), 0n);
  }

  /** What a close holds for the payee, under any hash that was ever signed under. */
  heldIn(transaction: Transaction): readonly HeldOutput[] {
    const { revocation } = this.#terms.contract;
    const hashes = [...this.#signed.keys()].filter((key) => key !== '').map(hexToBytes);
    return revocation === undefined || hashes.length === 0 ? [] : revocation.outputs(this.#terms, transaction, hashes);
  }

  /** The first height of the tip at which nodes take a payout. */
  get payoutAt(): number {
    return this.#terms.contract.revocation?.payoutAt(this.#terms) ?? 0;
  }
}

/** What spends an output, where a block has it. */
export function takersIn(mined: Iterable<{ readonly transaction: Transaction }>): ReadonlyMap<string, Transaction> {
  return new Map([...mined].flatMap(({ transaction }) => transaction.inputs.map(({ outpoint }) => [outpointKey(outpoint), transaction])));
}
