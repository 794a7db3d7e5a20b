import { withSetBack } from '../core/channel/payee-revocation.ts';
import { payeeRole } from './channel-role.ts';
import { decodeStored } from './decode-state.ts';
import { type Store, WorldError } from './ports.ts';

/**
 * Notes, for every channel whose payments can be taken back, that this store may be an older copy: nothing more is sold on it. Harmless when done
 * again. @throws WorldError `store-damaged` or `store-newer`; `store-busy` while another program uses the store.
 */
export async function noteSetBack(store: Store): Promise<void> {
  const { recordKind: kind, snapshot } = payeeRole;
  for await (const { id, version, value } of store.list(kind)) {
    const state = decodeStored(snapshot, value);
    const noted = withSetBack(state);
    if (noted === state || state.setBack) continue;
    const isStored = await store.commit([{ kind, id, expected: version, value: snapshot.encode(noted) }]);
    if (!isStored) throw new WorldError('store-busy', 'Another program has changed the store at the same time.', 'Stop it first.');
  }
}
