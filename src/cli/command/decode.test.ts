import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TwoDisks } from '../../../test/world/two-disks.ts';
import { counterparty } from '../../core/asset/counterparty.ts';
import { allDeposits } from '../../core/channel/payer-state.ts';
import { announcePsbt } from '../../core/message/psbt-payment.ts';
import { decodeTransaction, encodeTransaction, transactionId } from '../../core/tx/transaction.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { fundingOf } from '../../payer/wire-format.ts';
import { recognise } from './decode.ts';

test('what is decoded is fields, not lines: a transaction, its PSBT and its script', async () => {
  const world = await TwoDisks.open({ verify: (await fastestVerifier()).verify });
  const state = await world.payerState(await world.funded());
  const [bytes = assert.fail()] = state.funding;
  const txid = transactionId(decodeTransaction(bytes) ?? assert.fail());
  const found = recognise(world.coin, bytes);
  assert.equal(found?.kind, 'transaction');
  assert.ok('txid' in found.facts && 'outputs' in found.facts);
  assert.equal(found.facts.txid, txid);
  const psbt = recognise(world.coin, announcePsbt(state.terms, allDeposits(state), fundingOf(state)));
  assert.equal(psbt?.kind, 'PSBT');
  assert.ok('deposits' in psbt.facts && Array.isArray(psbt.facts.deposits));
  assert.deepEqual([psbt.facts.deposits[0]?.txid, psbt.facts.deposits[0]?.value], [txid, world.deposit]);
  const script = recognise(world.coin, state.terms.contract.redeemScript(state.terms));
  assert.ok(script?.kind === 'script' && 'asm' in script.facts);
  assert.match(String(script.facts.asm), /CHECKLOCKTIMEVERIFY/);
});

test('an asset send in a transaction is shown as the claim that it is; without one nothing is said of assets', async () => {
  const world = await TwoDisks.open({ verify: (await fastestVerifier()).verify });
  const state = await world.payerState(await world.funded());
  const [bytes = assert.fail()] = state.funding;
  const tx = decodeTransaction(bytes) ?? assert.fail();
  const [input = assert.fail()] = tx.inputs;
  const [first = assert.fail()] = tx.outputs;
  const data = counterparty.outputs({ asset: 14456548018133352000n, quantity: 1337n }, input.outpoint.txid);
  const sent = encodeTransaction({ ...tx, outputs: [first, ...data] });
  const found = recognise(world.coin, sent);
  assert.ok(found !== undefined && 'assetSend' in found.facts);
  assert.deepEqual(found.facts.assetSend, { codec: 'counterparty', asset: 'A14456548018133352000', quantity: 1337n, to: 0 });
  assert.deepEqual(found.lines.slice(-2), [
    '  asset: 1337 of the smallest unit of A14456548018133352000 to the address of output 0 (counterparty)',
    '    The transaction only claims this. Whether the sender had so much, only an indexer of all sends can tell; pawment asks none.',
  ]);
  const plain = recognise(world.coin, bytes);
  assert.ok(plain !== undefined && 'assetSend' in plain.facts && plain.facts.assetSend === undefined);
  assert.doesNotMatch(plain.lines.join('\n'), /asset/);
});
