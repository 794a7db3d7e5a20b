import { equalBytes } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import type { ChainTime } from '../../core/base/lock-time.ts';
import { isSpent, viewOf } from '../../core/channel/deposit-view.ts';
import { closedAt } from '../../core/channel/held-outputs.ts';
import { type Punisher, penaltyFactor } from '../../core/channel/payer-revocation.ts';
import type { ChainView } from '../../core/channel/state-machine.ts';
import type { HeldOutput } from '../../core/contract/contract.ts';

/** What became of an output that a revoked close holds. `punishing`: the penalty is in no block. `lost`: somebody else has taken it in one. */
export type Fate = 'punishing' | 'punished' | 'lost';

export type Peril =
  /** The penalty is in no block, and half of the time for it is over. */
  { readonly code: 'penalty-late'; readonly payout: Height } | { readonly code: 'penalty-lost' };

/** A penalty is late from the fee factor of the second half of the time on. */
const LATE_FACTOR = 10n;

/** The worst fate of all held outputs; undefined when there are none. */
export function fateOf({ held = [], returnScript }: Punisher, view: ChainView): Fate | undefined {
  const fates = held.map((one) => fateOfOne(one, returnScript, view));
  return (['lost', 'punishing', 'punished'] as const).find((fate) => fates.includes(fate));
}

function fateOfOne(one: HeldOutput, returnScript: Uint8Array, view: ChainView): Fate {
  const seen = viewOf(one, view);
  if (!isSpent(seen) || seen.depth === 0) return 'punishing';
  return seen.transaction.outputs.every(({ script }) => equalBytes(script, returnScript)) ? 'punished' : 'lost';
}

export function perilOf(punisher: Punisher, view: ChainView, at: ChainTime): readonly Peril[] {
  const { held = [], terms, returnScript } = punisher;
  return held.flatMap((one): readonly Peril[] => {
    const fate = fateOfOne(one, returnScript, view);
    if (fate === 'lost') return [{ code: 'penalty-lost' }];
    const mined = closedAt(punisher, one, view, at);
    const isLate = fate === 'punishing' && penaltyFactor(terms, mined, at) >= LATE_FACTOR;
    return isLate ? [{ code: 'penalty-late', payout: terms.contract.revocation?.payoutAt(terms, mined) ?? at.tip }] : [];
  });
}
