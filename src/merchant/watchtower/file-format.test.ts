import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { payeeKey, payerKey } from '../../../test/world/sample.ts';
import { amount } from '../../core/base/amount.ts';
import { channelId } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { p2pkh } from '../../core/tx/script.ts';
import { WorldError } from '../../engine/ports.ts';
import { isUnreadable } from '../../store/folder-files.ts';
import { feeLadder } from './fee-ladder.ts';
import { readWatched, type Watched, writeWatched } from './file-format.ts';
import { watchFolder } from './folder.ts';

const DOGE = 100_000_000n;
const pair = new MachinePair().open(100n * DOGE, 50n * DOGE);
pair.pay(20n * DOGE);
const sample = madeOf(pair);

function madeOf({ payeeState }: { payeeState(): ReturnType<MachinePair['payeeState']> }): Watched {
  const state = payeeState.call(pair);
  const closes = feeLadder(state, payeeKey);
  if (isRefusal(closes) || state.best === undefined) return assert.fail('no close');
  const { channel, terms, deposits, best } = state;
  return { channel, terms, deposits, total: best.total, since: height(1_400), closes };
}

function readOf(watched: Watched): Watched | string {
  const read = readWatched(writeWatched(watched));
  if (isUnreadable(read)) return read.reason;
  return 'kind' in read ? read.kind : read;
}

test('a file is read as it was written', () => {
  const { terms, ...rest } = sample;
  const read = readOf(sample);
  if (typeof read === 'string') return assert.fail(read);
  const { terms: readTerms, ...readRest } = read;
  assert.deepEqual(readRest, rest);
  assert.equal(readTerms.contract.id, terms.contract.id);
  assert.equal(writeWatched(read), writeWatched(sample));
});

const [low, high = sample.closes[0]] = sample.closes;
const altered = (outputs: typeof low.outputs): Watched => ({ ...sample, closes: [{ ...low, outputs }] });
const [payout = assert.fail(), change = assert.fail()] = low.outputs.toSorted((a, b) => Number(a.value - b.value));

for (const [name, hostile, reason] of [
  ['another channel', { ...sample, channel: channelId('ab'.repeat(32)) }, /another channel/],
  ['other terms', { ...sample, terms: { ...sample.terms, payerKey: payeeKey.publicKey, payeeKey: payerKey.publicKey } }, /another channel/],
  ['a total that its closes do not take', { ...sample, total: amount(sample.total + 1n) }, /does not pay the payee the total/],
  ['fees that descend', { ...sample, closes: [high, low] as const }, /do not rise/],
  ['the same close twice', { ...sample, closes: [low, low] as const }, /do not rise/],
  ['a close of other deposits', { ...sample, deposits: sample.deposits.slice(1) }, /other outputs/],
  ['a deposit worth more', { ...sample, deposits: sample.deposits.map((one) => ({ ...one, value: amount(one.value + 1n) })) }, /total/],
  ['a payout to another script', altered([change, { ...payout, script: p2pkh(payerKey.publicKey) }]), /total/],
  [
    'a close that gives the payer more',
    altered([
      { ...change, value: change.value + 1n },
      { ...payout, value: payout.value - 1n },
    ]),
    /total/,
  ],
  [
    'inputs unlocked by nothing',
    { ...sample, closes: [{ ...low, inputs: low.inputs.map((one) => ({ ...one, script: new Uint8Array() })) }] },
    /not valid/,
  ],
] satisfies readonly (readonly [string, Watched, RegExp])[]) {
  test(`a file is not believed that holds ${name}`, () => {
    assert.match(String(readOf(hostile)), reason);
    assert.equal(typeof readOf(sample), 'object');
  });
}

test('a file of a later format is told apart from a damaged one', () => {
  const text = writeWatched(sample);
  const newer = readWatched(text.replace('"format":1', '"format":4'));
  assert.ok(isUnreadable(newer) && newer.newer);
  const damaged = readWatched(text.slice(0, -10));
  assert.ok(isUnreadable(damaged) && !damaged.newer);
});

test('a file that is cut, or changed at any place, is not read or still holds closes of just that channel and total', () => {
  const text = writeWatched(sample);
  const changed = fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }));
  fc.assert(
    fc.property(changed, fc.boolean(), ([place, character], cut) => {
      const hostile = cut ? text.slice(0, place) : text.slice(0, place) + String.fromCharCode(character) + text.slice(place + 1);
      const read = readWatched(hostile);
      if ('kind' in read) return;
      assert.equal(read.channel, sample.channel);
      assert.ok(read.closes.length > 0);
    }),
    { numRuns: 500 },
  );
});

test('a file says anything: reading never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.ok('kind' in readWatched(text));
    }),
  );
});

test('a folder: files by channel, whole or not at all; what is no file of a channel is let be', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'pawment-folder-'));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = watchFolder(path);
  assert.equal(await folder.heartbeat(), undefined);
  writeFileSync(join(path, 'notes.json'), '{}');
  writeFileSync(join(path, `.${sample.channel}.json.1.tmp`), 'half');
  assert.deepEqual(await folder.channels(), []);
  await folder.write(sample);
  assert.deepEqual(await folder.channels(), [sample.channel]);
  const stamp = await folder.stamp(sample.channel);
  await folder.write(sample);
  assert.notEqual(await folder.stamp(sample.channel), stamp);
  const other = channelId('cd'.repeat(32));
  writeFileSync(join(path, `${other}.json`), writeWatched(sample));
  const read = await folder.read(other);
  assert.ok(read !== undefined && isUnreadable(read) && /another channel/.test(read.reason));
  await folder.remove(other);
  await folder.remove(sample.channel);
  assert.deepEqual(await folder.channels(), []);
  assert.equal(await folder.read(sample.channel), undefined);
  await folder.beat({ coin: litecoinRegtest, at: 5, tip: height(7) });
  assert.deepEqual(await folder.heartbeat(), { coin: litecoinRegtest, at: 5, tip: 7 });
  writeFileSync(join(path, 'heartbeat.json'), '{"at":');
  assert.equal(await folder.heartbeat(), undefined);
  assert.ok(!readdirSync(path).includes('heartbeat.json.tmp'));
});

test('a folder that is none is said so', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'pawment-folder-'));
  t.after(() => rmSync(path, { recursive: true }));
  await assert.rejects(watchFolder(join(path, 'absent')).channels(), (error) => error instanceof WorldError && error.code === 'config');
  writeFileSync(join(path, 'file'), '');
  await assert.rejects(
    watchFolder(join(path, 'file', 'below')).write(sample),
    (error) => error instanceof WorldError && error.code === 'config',
  );
});
