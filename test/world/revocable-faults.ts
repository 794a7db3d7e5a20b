import { height } from '../../src/core/base/height.ts';
import { refuse } from '../../src/core/base/refusal.ts';
import type { Revocation } from '../../src/core/contract/contract.ts';
import { revocableCsv } from '../../src/core/contract/revocable-csv.ts';
import type { Store } from '../../src/engine/ports.ts';
import { replaced } from '../sim/plant.ts';
import type { RevocableAction, RevocableHistory } from './revocable-life.ts';
import type { Side } from './two-disks.ts';

/** A fault on purpose in a channel whose deposits open by their age. */
export interface RevocableFault {
  readonly name: string;
  /** The rule that has to break. */
  readonly breaks: RegExp;
  readonly plant?: () => () => void;
  readonly store?: (side: Side, store: Store) => Store;
  readonly histories: readonly RevocableHistory[];
}

function revocation(): Revocation {
  if (revocableCsv.revocation === undefined) throw new Error('payments of this contract can be taken back');
  return revocableCsv.revocation;
}

/** Answers as soon as it is asked to store a channel. */
function hasty(side: Side): (of: Side, store: Store) => Store {
  return (of, store) => ({
    ...store,
    commit: async (writes) => {
      const stored = store.commit(writes);
      if (of !== side || !writes.some(({ kind }) => kind.endsWith('-channel'))) return stored;
      stored.catch(() => undefined);
      return true;
    },
  });
}

const upAndDown: readonly RevocableAction[] = [
  { kind: 'pay', times: 20 },
  { kind: 'give-back', times: 15 },
  { kind: 'refresh', times: 1 },
];
const PLACES = 6;

function dyingAt(kind: RevocableAction['kind'], who: Side): readonly RevocableHistory[] {
  return Array.from({ length: PLACES }, (_, at) => ({
    actions: [...upAndDown, { kind: 'give-back', times: 2 }, { kind, times: 4, crash: { who, at, isStored: false } }],
    last: 'close',
  }));
}

export const revocableFaults: readonly RevocableFault[] = [
  {
    name: 'a payout goes out before its close is buried',
    breaks: /a payout is sent over a close/,
    plant: () => replaced<Revocation>(revocation(), { payoutAt: ({ expiry }, mined) => height(mined ?? expiry) }),
    histories: [{ actions: upAndDown, last: 'close' }],
  },
  {
    name: 'the payee leaves what its close holds',
    breaks: /, the payee closing/,
    plant: () => replaced<Revocation>(revocation(), { payout: () => refuse('nothing-to-close') }),
    histories: [{ actions: upAndDown, last: 'close' }],
  },
  {
    name: 'the payer does not punish a revoked close',
    breaks: /the payer (is|has)/,
    plant: () => replaced<Revocation>(revocation(), { penalty: () => refuse('nothing-to-close') }),
    histories: [{ actions: upAndDown, last: 'cheat' }],
  },
  {
    name: 'a secret is shown before the payment for less is stored',
    breaks: /is noted by the payee/,
    store: hasty('payee'),
    histories: dyingAt('refresh', 'payee'),
  },
  {
    name: 'the payer pays before it has stored what it signs',
    breaks: /on the disk of the payer/,
    store: hasty('payer'),
    histories: dyingAt('pay', 'payer'),
  },
];
