import type { LockTime } from '../base/height.ts';
import type { PublicKey } from '../tx/sign.ts';

/** How a script locks each deposit by the deposit's own age (BIP68, BIP112). */
export interface AgeLock {
  /** From the deposit's own block to the first that may hold its refund: 1 to 65,535. */
  readonly blocks: number;
  /** HASH160 of the payee's spend secret: with that secret the payer takes what is at the script at once. */
  readonly spendHash: Uint8Array;
}

/** What a redeem script is made of. */
export interface ScriptTerms {
  readonly payerKey: PublicKey;
  readonly payeeKey: PublicKey;
  readonly expiry: LockTime;
  /** Where the script has no expiry, but an age at which it opens. */
  readonly ageLock?: AgeLock;
}

/** What the redeem script alone says. It has the expiry only if consensus enforces it. */
export type WrittenTerms = Omit<ScriptTerms, 'expiry'> & Partial<Pick<ScriptTerms, 'expiry'>>;
