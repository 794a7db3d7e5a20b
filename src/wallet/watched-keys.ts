import { bytesToHex } from '../core/base/bytes.ts';
import type { Coin } from '../core/coin/coin.ts';
import { operationAt, p2pkh } from '../core/tx/script.ts';
import type { KeyRing } from '../engine/ports.ts';
import { type BranchName, branchKeyName } from './key-branch.ts';

/** A key of ours in a script; `place` is absent for a key that was added by name. */
export interface FoundKey {
  readonly name: string;
  readonly place?: { readonly branch: BranchName; readonly index: number };
}

/** The scripts and public keys that are looked for on the chain. It only grows. */
export interface Watch {
  /** Looks for the first `count` keys of a branch. */
  readonly cover: (branch: BranchName, count: number) => void;
  readonly add: (keyName: string) => void;
  readonly paidTo: (script: Uint8Array) => FoundKey | undefined;
  /** Keys whose public key is in an input script, as a push or inside the redeem script at its end. */
  readonly shownBy: (script: Uint8Array) => readonly FoundKey[];
}

const PUBLIC_KEY_BYTES = 33;

export function watchKeys(coin: Coin, keys: KeyRing): Watch {
  const byScript = new Map<string, FoundKey>();
  const byPublicKey = new Map<string, FoundKey>();
  const covered: Record<BranchName, number> = { receive: 0, change: 0, channel: 0 };

  const look = (found: FoundKey): void => {
    const { publicKey } = keys.signer(found.name);
    byScript.set(bytesToHex(p2pkh(publicKey)), found);
    byPublicKey.set(bytesToHex(publicKey), found);
  };

  return {
    cover: (branch, count) => {
      for (let index = covered[branch]; index < count; index++) {
        look({ name: branchKeyName(coin, branch, index), place: { branch, index } });
      }
      covered[branch] = Math.max(covered[branch], count);
    },
    add: (name) => {
      const script = bytesToHex(p2pkh(keys.signer(name).publicKey));
      if (!byScript.has(script)) look({ name });
    },
    paidTo: (script) => byScript.get(bytesToHex(script)),
    shownBy: (script) => {
      const pushes = pushesOf(script);
      const inside = pushesOf(pushes.at(-1) ?? new Uint8Array());
      return [...pushes, ...inside]
        .filter(({ length }) => length === PUBLIC_KEY_BYTES)
        .flatMap((push) => byPublicKey.get(bytesToHex(push)) ?? []);
    },
  };
}

function pushesOf(script: Uint8Array): readonly Uint8Array[] {
  const pushes: Uint8Array[] = [];
  for (let op = operationAt(script, 0); op !== undefined; op = operationAt(script, op.end)) {
    if (op.data !== undefined) pushes.push(op.data);
  }
  return pushes;
}
