import { amount, greatest } from '../core/base/amount.ts';
import { type ChannelId, equalBytes } from '../core/base/bytes.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { payerSnapshot } from '../core/channel/snapshot.ts';
import { payerScript } from '../core/contract/contract.ts';
import { payerRole } from '../engine/channel-role.ts';
import { decodeStored } from '../engine/decode-state.ts';
import { type Store, WorldError } from '../engine/ports.ts';

export type IsOwn = (script: Uint8Array) => boolean;

/** What came back from an ended channel to any script of the wallet: an end may pay to another script than the one stored in the channel. */
export function withReturns(state: PayerState, isOwn: IsOwn): PayerState {
  if (state.kind !== 'ended') return state;
  const own: IsOwn = (script) => isOwn(script) || equalBytes(script, payerScript(state.terms));
  const outputs = state.transactions.flatMap((transaction) => transaction.outputs.filter(({ script }) => own(script)));
  return { ...state, returned: greatest(state.returned, amount(outputs.reduce((sum, { value }) => sum + value, 0n))) };
}

/** Stores that too: the end may have been read before the wallet knew its scripts. @throws WorldError `store-busy` */
export async function keepReturns(store: Store, channel: ChannelId, isOwn: IsOwn): Promise<void> {
  const record = await store.get(payerRole.recordKind, channel);
  if (record === undefined) return;
  const state = decodeStored(payerSnapshot, record.value);
  const value = payerSnapshot.encode(withReturns(state, isOwn));
  if (value === record.value) return;
  if (!(await store.commit([{ kind: payerRole.recordKind, id: channel, expected: record.version, value }])))
    throw new WorldError('store-busy', 'Another process works on this store.', 'Run only one process per store.');
}
