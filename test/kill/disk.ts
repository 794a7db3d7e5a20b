import { copyFileSync, existsSync, rmSync } from 'node:fs';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { channelId } from '../../src/core/base/bytes.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { invoiceSnapshot, type Snapshot } from '../../src/core/channel/snapshot.ts';
import type { KeptInvoice } from '../../src/core/channel/state-machine.ts';
import { payeeRole, payerRole } from '../../src/engine/channel-role.ts';
import type { Store } from '../../src/engine/ports.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

/** What a killed program left, read from a copy: the next one finds the files just as they were. */
export interface Left {
  readonly payer: ReadonlyMap<ChannelId, PayerState>;
  readonly payee: ReadonlyMap<ChannelId, PayeeState>;
  readonly invoices: ReadonlyMap<string, KeptInvoice>;
}

export async function readLeft(path: string): Promise<Left> {
  const copy = `${path}.copy`;
  for (const end of ['', '-wal']) {
    rmSync(copy + end, { force: true });
    if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  }
  const store = openSqlite(copy);
  try {
    const states = async <State>(kind: string, snapshot: Snapshot<State>): Promise<Map<ChannelId, State>> =>
      new Map([...(await read(store, kind, snapshot))].map(([id, state]) => [channelId(id), state]));
    return {
      payer: await states(payerRole.recordKind, payerRole.snapshot),
      payee: await states(payeeRole.recordKind, payeeRole.snapshot),
      invoices: await read(store, 'invoice', invoiceSnapshot),
    };
  } finally {
    await store.close();
  }
}

async function read<Value>(store: Store, kind: string, snapshot: Snapshot<Value>): Promise<Map<string, Value>> {
  const found = new Map<string, Value>();
  for await (const { id, value } of store.list(kind)) found.set(id, snapshot.decode(value));
  return found;
}
