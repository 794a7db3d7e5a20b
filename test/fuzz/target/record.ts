import assert from 'node:assert/strict';
import { height } from '../../../src/core/base/height.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { invoiceSnapshot, payeeSnapshot, payerSnapshot, type Snapshot } from '../../../src/core/channel/snapshot.ts';
import { decodeStored } from '../../../src/engine/decode-state.ts';
import { SpendIndex } from '../../../src/engine/spend-index.ts';
import { lastRead } from '../../../src/engine/sync-cursor.ts';
import { WatchList } from '../../../src/engine/watch-list.ts';
import { feeLadder } from '../../../src/merchant/watchtower/fee-ladder.ts';
import { readWatched, writeEmptied, writeWatched } from '../../../src/merchant/watchtower/file-format.ts';
import { isUnreadable } from '../../../src/store/folder-files.ts';
import { type MemoryDisk, memoryStore } from '../../../src/store/memory.ts';
import { branchCodec, type Codec, cursorCodec, outputCodec, transactionCodec, watchedCodec } from '../../../src/wallet/record-codec.ts';
import { payeeKey } from '../../world/sample.ts';
import { golden } from '../corpus.ts';
import { mutateJson } from '../http.ts';
import type { Mutate } from '../mutate.ts';
import { ACCEPTED, type Outcome, orWorldError, type Target, textOf, utf8 } from '../target.ts';

/** Reads the text of a record, and what it says once it is written and read again. */
type Reader = (text: string) => Outcome | Promise<Outcome>;

function states<Value>(snapshot: Snapshot<Value>): Reader {
  return (text) => {
    const once = snapshot.encode(decodeStored(snapshot, text));
    assert.equal(snapshot.encode(decodeStored(snapshot, once)), once);
    return ACCEPTED;
  };
}

function records<Value>(codec: Codec<Value>): Reader {
  return (text) => {
    const once = codec.encode(codec.decode(text));
    assert.equal(codec.encode(codec.decode(once)), once);
    return ACCEPTED;
  };
}

function diskWith(kind: string, id: string, value: string): MemoryDisk {
  return new Map([[kind, new Map([[id, { version: 1, value }]])]]);
}

const readers: Readonly<Record<string, Reader>> = {
  payee: states(payeeSnapshot),
  payer: states(payerSnapshot),
  invoice: states(invoiceSnapshot),
  cursor: records(cursorCodec),
  branch: records(branchCodec),
  output: records(outputCodec),
  transaction: records(transactionCodec),
  watched: records(watchedCodec),
  trail: async (text) => {
    const tip = await lastRead(memoryStore(diskWith('follow', 'trail', text)));
    assert.ok(tip !== undefined && Number.isInteger(tip.height));
    return ACCEPTED;
  },
  spend: async (text) => {
    await new SpendIndex(memoryStore(diskWith('spend', `${'0'.repeat(64)}:0`, text)), new WatchList()).load();
    return ACCEPTED;
  },
  watch: (text) => {
    const read = readWatched(text);
    if (isUnreadable(read)) return { code: read.newer ? 'newer' : 'unreadable', path: read.reason };
    if ('kind' in read) {
      assert.deepEqual(readWatched(writeEmptied(read)), read);
      return ACCEPTED;
    }
    const again = readWatched(writeWatched(read));
    assert.equal('kind' in again ? again.kind : writeWatched(again), writeWatched(read));
    return ACCEPTED;
  },
};

const HASH = 'ab'.repeat(32);
const [tx = new Uint8Array()] = golden('tx/*.hex');
const hex = Buffer.from(tx).toString('hex');
const wallet: Readonly<Record<string, readonly object[]>> = {
  cursor: [{ kind: 'following', wallet: 'cd'.repeat(20), birthday: 5, trail: [{ height: 4, hash: HASH }] }],
  branch: [{ used: 3, next: 4 }],
  output: [
    {
      outpoint: { txid: HASH, vout: 1 },
      value: '5',
      key: 'm/1',
      coinbase: false,
      place: { kind: 'mined', height: 7 },
      use: { kind: 'free' },
    },
    {
      outpoint: { txid: HASH, vout: 0 },
      value: '5',
      key: 'm/1',
      coinbase: true,
      place: { kind: 'unconfirmed' },
      use: { kind: 'reserved', by: HASH },
    },
  ],
  transaction: [{ txid: HASH, transaction: hex, label: 'a deposit', stage: { kind: 'mined', height: 9 } }],
  watched: [{ key: 'm/1' }],
};

function watchFiles(): readonly string[] {
  return golden('state/v1/payee-open-paid.json').flatMap((text) => {
    const state = payeeSnapshot.decode(textOf(text));
    const closes = feeLadder(state, payeeKey);
    if (isRefusal(closes) || state.best === undefined) return [];
    const { channel, terms, deposits, best } = state;
    const watched = { channel, terms, deposits, total: best.total, since: height(terms.expiry), closes };
    return [writeWatched(watched), writeWatched({ ...watched, apart: [{ total: best.total, closes }] })];
  });
}

function inputs(kind: string, texts: readonly string[]): readonly Uint8Array[] {
  return texts.map((text) => utf8(`${kind}\n${text}`));
}

function states1(pattern: string): readonly string[] {
  return golden(`state/v1/${pattern}-*.json`).map(textOf);
}

const mutate: Mutate = (input, chance, other) => {
  const [[kind, text], [, donor]] = [parts(input), parts(other)];
  return utf8(`${kind}\n${textOf(mutateJson(utf8(text), chance, utf8(donor)))}`);
};

function parts(input: Uint8Array): readonly [string, string] {
  const text = textOf(input);
  const at = text.indexOf('\n');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What lies on disks: read to what can be written again, or damaged, and never taken for nothing. */
export const record: Target = {
  name: 'record',
  files: ['core/channel/snapshot.ts', 'wallet/record-codec.ts', 'engine/decode-state.ts', 'merchant/watchtower/file-format.ts'],
  corpus: [
    ...[...inputs('payee', states1('payee')), ...inputs('payer', states1('payer')), ...inputs('invoice', states1('invoice'))],
    ...Object.entries(wallet).flatMap(([kind, all]) =>
      inputs(
        kind,
        all.map((value) => JSON.stringify({ format: 1, value })),
      ),
    ),
    ...inputs('trail', [`[{"height":1,"hash":"${HASH}"}]`, `{"trail":[{"height":1,"hash":"${HASH}"}],"peak":3}`]),
    ...inputs('spend', [`{"height":1,"transaction":"${hex}"}`]),
    ...inputs('watch', watchFiles()),
  ],
  mutate,
  check: (input) => {
    const [kind, text] = parts(input);
    const reader = readers[kind];
    return reader === undefined ? { code: 'no-kind' } : orWorldError(async () => reader(text));
  },
};
